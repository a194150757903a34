//! Anthropic's messages: `POST /v1/messages`.

use super::wire::{
    Answer, Asked, CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Refused, StreamEvent, Tool, Wire,
};
use serde_json::{Value, json};

/// The format that Claude Code speaks.
pub struct Anthropic;

impl Wire for Anthropic {
    fn tools<'a>(&self, request: &'a Value) -> Vec<Tool<'a>> {
        let tools = request["tools"].as_array().into_iter().flatten();
        tools
            .filter_map(|tool| Some(Tool { name: tool["name"].as_str()?, schema: &tool["input_schema"] }))
            .collect()
    }

    fn stream(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Vec<StreamEvent> {
        let mut message = message(asked);
        message["usage"] = usage(1);
        let (mut block, delta) = match answer {
            Answer::Text(text) | Answer::Refusal(text) => {
                (block(asked, answer), json!({"type": "text_delta", "text": text}))
            }
            Answer::Call { arguments, .. } => {
                let delta = json!({"type": "input_json_delta", "partial_json": arguments.to_string()});
                (block(asked, answer), delta)
            }
        };
        // A block begins empty and is filled by its deltas.
        match answer {
            Answer::Call { .. } => block["input"] = json!({}),
            _ => block["text"] = json!(""),
        }
        let ending = json!({
            "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
            "usage": {"output_tokens": OUTPUT_TOKENS},
        });
        vec![
            StreamEvent::typed("message_start", json!({"message": message})),
            StreamEvent::typed("content_block_start", json!({"index": 0, "content_block": block})),
            StreamEvent::typed("content_block_delta", json!({"index": 0, "delta": delta})),
            StreamEvent::typed("content_block_stop", json!({"index": 0})),
            StreamEvent::typed("message_delta", ending),
            StreamEvent::typed("message_stop", json!({})),
        ]
    }

    fn whole(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
        let mut message = message(asked);
        message["content"] = json!([block(asked, answer)]);
        message["stop_reason"] = json!(stop_reason(answer));
        message["usage"] = usage(OUTPUT_TOKENS);
        message
    }

    fn error(&self, refused: &Refused<'_>) -> Value {
        let (kind, own) = match refused.status {
            400 => ("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum".to_owned()),
            401 => ("authentication_error", "invalid x-api-key".to_owned()),
            403 => {
                ("permission_error", "Your API key does not have permission to use this resource.".to_owned())
            }
            404 => ("not_found_error", format!("model: {}", refused.model)),
            413 => ("request_too_large", "Request exceeds the maximum size".to_owned()),
            429 => {
                let words = "This request would exceed your account's rate limit. Please try again later.";
                ("rate_limit_error", words.to_owned())
            }
            529 => ("overloaded_error", "Overloaded".to_owned()),
            _ => ("api_error", "Internal server error".to_owned()),
        };
        json!({"type": "error", "error": {"type": kind, "message": refused.words(&own)}, "request_id": "req_crew"})
    }
}

fn message(asked: &Asked<'_>) -> Value {
    json!({
        "id": format!("msg_{:08}", asked.number),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    })
}

/// Here the cached tokens stand beside those of the input, not among them.
fn usage(output: u64) -> Value {
    json!({
        "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED_TOKENS,
        "output_tokens": output,
    })
}

fn block(asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
    match answer {
        Answer::Text(text) | Answer::Refusal(text) => json!({"type": "text", "text": text}),
        Answer::Call { name, arguments } => {
            json!({"type": "tool_use", "id": format!("toolu_{:08}", asked.number), "name": name, "input": arguments})
        }
    }
}

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    match answer {
        Answer::Text(_) => "end_turn",
        Answer::Refusal(_) => "refusal",
        Answer::Call { .. } => "tool_use",
    }
}
