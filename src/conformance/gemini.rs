//! Gemini's content: `POST /v1beta/models/MODEL:streamGenerateContent?alt=sse`.

use super::wire::{
    Answer, Asked, CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Refused, StreamEvent, THOUGHT_TOKENS, Tool,
    Wire,
};
use serde_json::{Value, json};

/// The format that Gemini CLI speaks.
pub struct Gemini;

impl Wire for Gemini {
    fn tools<'a>(&self, request: &'a Value) -> Vec<Tool<'a>> {
        let tools = request["tools"].as_array().into_iter().flatten();
        let declared = tools.filter_map(|tool| tool["functionDeclarations"].as_array()).flatten();
        // A schema comes in JSON Schema or in Gemini's own words.
        let schema = |tool: &'a Value| tool.get("parametersJsonSchema").unwrap_or(&tool["parameters"]);
        declared
            .filter_map(|tool| Some(Tool { name: tool["name"].as_str()?, schema: schema(tool) }))
            .collect()
    }

    fn stream(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Vec<StreamEvent> {
        // The words come in two pieces, so that a stream has a middle.
        let begun = json!({
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}}],
            "modelVersion": asked.model,
        });
        vec![StreamEvent::plain(begun), StreamEvent::plain(self.whole(asked, answer))]
    }

    fn whole(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
        let said = |part: Value| json!({"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"});
        let candidate = match answer {
            Answer::Text(text) => said(json!({"text": text})),
            Answer::Call { name, arguments } => {
                said(json!({"functionCall": {"name": name, "args": arguments}}))
            }
            // Where Gemini refuses there is no content, only why.
            Answer::Refusal(text) => json!({"index": 0, "finishReason": "SAFETY", "finishMessage": text}),
        };
        json!({
            "candidates": [candidate],
            "modelVersion": asked.model,
            "responseId": format!("crew-{:08}", asked.number),
            "usageMetadata": {
                "promptTokenCount": INPUT_TOKENS,
                "cachedContentTokenCount": CACHED_TOKENS,
                "candidatesTokenCount": OUTPUT_TOKENS - THOUGHT_TOKENS,
                "thoughtsTokenCount": THOUGHT_TOKENS,
                "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
            },
        })
    }

    fn error(&self, refused: &Refused<'_>) -> Value {
        let (status, own) = match refused.status {
            400 => {
                let words =
                    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
                ("INVALID_ARGUMENT", words.to_owned())
            }
            401 => {
                let words = "Request had invalid authentication credentials. Expected OAuth 2 access token, login \
                             cookie or other valid authentication credential.";
                ("UNAUTHENTICATED", words.to_owned())
            }
            403 => ("PERMISSION_DENIED", "The caller does not have permission".to_owned()),
            404 => {
                let words = "is not found for API version v1beta, or is not supported for generateContent.";
                ("NOT_FOUND", format!("models/{} {words}", refused.model))
            }
            429 => {
                let words = "You exceeded your current quota, please check your plan and billing details.";
                ("RESOURCE_EXHAUSTED", words.to_owned())
            }
            503 | 529 => ("UNAVAILABLE", "The model is overloaded. Please try again later.".to_owned()),
            _ => ("INTERNAL", "An internal error has occurred. Please retry.".to_owned()),
        };
        let details: Vec<Value> = refused
            .retry_after
            .map(|seconds| {
                json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")})
            })
            .into_iter()
            .collect();
        json!({"error": {
            "code": refused.status,
            "message": refused.words(&own),
            "status": status,
            "details": details,
        }})
    }
}
