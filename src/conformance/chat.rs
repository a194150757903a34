//! OpenAI's chat completions: `POST /v1/chat/completions`.

use super::responses;
use super::wire::{
    Answer, Asked, CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Refused, StreamEvent, THOUGHT_TOKENS, Tool,
    Wire,
};
use serde_json::{Value, json};

/// The format that most other agents speak, OpenCode and Pi among them.
pub struct Chat;

impl Wire for Chat {
    fn tools<'a>(&self, request: &'a Value) -> Vec<Tool<'a>> {
        let tools = request["tools"].as_array().into_iter().flatten().map(|tool| &tool["function"]);
        tools
            .filter_map(|tool| Some(Tool { name: tool["name"].as_str()?, schema: &tool["parameters"] }))
            .collect()
    }

    fn stream(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Vec<StreamEvent> {
        let chunk = |choices: Value| {
            let mut chunk = frame(asked, "chat.completion.chunk");
            chunk["choices"] = choices;
            chunk
        };
        let choice = |delta: Value, reason: Option<&str>| {
            StreamEvent::plain(chunk(json!([{"index": 0, "delta": delta, "finish_reason": reason}])))
        };
        let mut figures = chunk(json!([]));
        figures["usage"] = usage();
        vec![
            choice(json!({"role": "assistant"}), None),
            choice(message(asked, answer), None),
            choice(json!({}), Some(finish_reason(answer))),
            StreamEvent::plain(figures),
            StreamEvent { name: None, data: "[DONE]".to_owned() },
        ]
    }

    fn whole(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
        let mut whole = frame(asked, "chat.completion");
        let mut message = message(asked, answer);
        message["role"] = json!("assistant");
        whole["choices"] = json!([{"index": 0, "message": message, "finish_reason": finish_reason(answer)}]);
        whole["usage"] = usage();
        whole
    }

    fn error(&self, refused: &Refused<'_>) -> Value {
        let too_long = "This model's maximum context length is 128000 tokens. However, your messages resulted in \
                        250000 tokens. Please reduce the length of the messages.";
        responses::error(refused, too_long)
    }
}

fn frame(asked: &Asked<'_>, object: &str) -> Value {
    // No answer of a script was created at any time; agents want a number.
    json!({"id": format!("chatcmpl-{:08}", asked.number), "object": object, "created": 1, "model": asked.model})
}

fn message(asked: &Asked<'_>, answer: &Answer<'_>) -> Value {
    match answer {
        Answer::Text(text) => json!({"content": text}),
        Answer::Refusal(text) => json!({"content": null, "refusal": text}),
        Answer::Call { name, arguments } => json!({"tool_calls": [{
            "index": 0,
            "id": format!("call_{:08}", asked.number),
            "type": "function",
            "function": {"name": name, "arguments": arguments.to_string()},
        }]}),
    }
}

fn finish_reason(answer: &Answer<'_>) -> &'static str {
    match answer {
        Answer::Text(_) | Answer::Refusal(_) => "stop",
        Answer::Call { .. } => "tool_calls",
    }
}

fn usage() -> Value {
    json!({
        "prompt_tokens": INPUT_TOKENS,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "completion_tokens": OUTPUT_TOKENS,
        "completion_tokens_details": {"reasoning_tokens": THOUGHT_TOKENS},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    })
}
