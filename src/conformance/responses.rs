//! OpenAI's responses: `POST /v1/responses`.

use super::wire::{
    Answer, Asked, CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Refused, StreamEvent, THOUGHT_TOKENS, Tool,
    Wire,
};
use serde_json::{Value, json};

/// The format that Codex speaks.
pub struct Responses;

impl Wire for Responses {
    fn tools<'a>(&self, request: &'a Value) -> Vec<Tool<'a>> {
        // Tools of other types (a search of the provider's own) have no schema to call them by.
        let tools = request["tools"].as_array().into_iter().flatten();
        tools
            .filter_map(|tool| Some(Tool { name: tool["name"].as_str()?, schema: &tool["parameters"] }))
            .collect()
    }

    fn stream(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Vec<StreamEvent> {
        let item = item(asked, answer);
        let place = |mut event: Value| {
            event["item_id"] = item["id"].clone();
            event["output_index"] = json!(0);
            event
        };
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let piece = match answer {
            Answer::Text(text) => {
                let delta = json!({"content_index": 0, "delta": text});
                StreamEvent::typed("response.output_text.delta", place(delta))
            }
            Answer::Refusal(text) => {
                let delta = json!({"content_index": 0, "delta": text});
                StreamEvent::typed("response.refusal.delta", place(delta))
            }
            Answer::Call { arguments, .. } => {
                let delta = json!({"delta": arguments.to_string()});
                StreamEvent::typed("response.function_call_arguments.delta", place(delta))
            }
        };
        match answer {
            Answer::Call { .. } => begun["arguments"] = json!(""),
            _ => begun["content"] = json!([]),
        }
        vec![
            StreamEvent::typed("response.created", json!({"response": response(asked, "in_progress")})),
            StreamEvent::typed("response.output_item.added", json!({"output_index": 0, "item": begun})),
            piece,
            StreamEvent::typed("response.output_item.done", json!({"output_index": 0, "item": item})),
            StreamEvent::typed("response.completed", json!({"response": self.whole(asked, answer)})),
        ]
    }

    fn whole(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
        let mut response = response(asked, "completed");
        response["output"] = json!([item(asked, answer)]);
        response["usage"] = json!({
            "input_tokens": INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
            "output_tokens": OUTPUT_TOKENS,
            "output_tokens_details": {"reasoning_tokens": THOUGHT_TOKENS},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        });
        response
    }

    fn error(&self, refused: &Refused<'_>) -> Value {
        let too_long =
            "Your input exceeds the context window of this model. Please adjust your input and try again.";
        error(refused, too_long)
    }
}

fn response(asked: &Asked<'_>, status: &str) -> Value {
    json!({
        "id": format!("resp_{:08}", asked.number),
        "object": "response",
        "model": asked.model,
        "status": status,
        "output": [],
    })
}

fn item(asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
    let said = |content: Value| {
        json!({
            "type": "message",
            "id": format!("msg_{:08}", asked.number),
            "status": "completed",
            "role": "assistant",
            "content": [content],
        })
    };
    match answer {
        Answer::Text(text) => said(json!({"type": "output_text", "text": text, "annotations": []})),
        Answer::Refusal(text) => said(json!({"type": "refusal", "refusal": text})),
        Answer::Call { name, arguments } => json!({
            "type": "function_call",
            "id": format!("fc_{:08}", asked.number),
            "call_id": format!("call_{:08}", asked.number),
            "status": "completed",
            "name": name,
            "arguments": arguments.to_string(),
        }),
    }
}

/// Returns an error as OpenAI words it; the two formats differ in what is said of a prompt that is too long.
pub fn error(refused: &Refused<'_>, too_long: &str) -> Value {
    let model = refused.model;
    let (kind, code, own) = match refused.status {
        400 => ("invalid_request_error", json!("context_length_exceeded"), too_long.to_owned()),
        401 => {
            let words = "Incorrect API key provided. You can find your API key in the provider's settings.";
            ("invalid_request_error", json!("invalid_api_key"), words.to_owned())
        }
        404 => {
            let words = format!("The model `{model}` does not exist or you do not have access to it.");
            ("invalid_request_error", json!("model_not_found"), words)
        }
        429 => {
            let when = refused.retry_after.map(|seconds| format!(" Please try again in {seconds}s."));
            let words =
                format!("Rate limit reached for {model} on requests per min.{}", when.unwrap_or_default());
            ("requests", json!("rate_limit_exceeded"), words)
        }
        503 | 529 => {
            let words = "The server is currently overloaded with other requests. Please try again later.";
            ("server_error", Value::Null, words.to_owned())
        }
        _ => {
            let words = "The server had an error while processing your request.";
            ("server_error", Value::Null, words.to_owned())
        }
    };
    json!({"error": {"message": refused.words(&own), "type": kind, "param": null, "code": code}})
}
