//! One line of JSON output, and the figures in it.

use crate::domain::usage::Usage;
use serde_json::Value;

/// The most tokens that one figure may claim. Above it the figure is nonsense, and sums of nonsense overflow.
const MAX_TOKENS: u64 = 1 << 40;

/// Reads a line that has to be a JSON object with a `type`, and returns both.
///
/// Lines of a type that nobody knows yet pass, so that a newer version of an agent stays readable.
pub fn typed(line: &str) -> Option<(String, Value)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let kind = text(&event, "/type")?.to_owned();
    Some((kind, event))
}

/// Returns the text at a JSON pointer.
pub fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer)?.as_str()
}

/// Returns the text at a JSON pointer, or an empty one.
pub fn owned(event: &Value, pointer: &str) -> String {
    text(event, pointer).unwrap_or_default().to_owned()
}

/// Tells whether `true` stands at a JSON pointer.
pub fn is_true(event: &Value, pointer: &str) -> bool {
    event.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

/// Returns the elements of the list at a JSON pointer; none where there is no list.
pub fn list<'a>(event: &'a Value, pointer: &str) -> &'a [Value] {
    event.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns what stands at a JSON pointer as text: a string as it is, anything else as compact JSON.
pub fn written(event: &Value, pointer: &str) -> String {
    match event.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Returns the texts of the blocks `{"type":"text","text":...}` of the list at a JSON pointer.
pub fn text_blocks<'a>(event: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    let blocks = list(event, pointer).iter().filter(|block| text(block, "/type") == Some("text"));
    blocks.filter_map(|block| text(block, "/text"))
}

/// Returns what a tool call printed, which stands at a JSON pointer: a string, or blocks of text.
pub fn printed(event: &Value, pointer: &str) -> String {
    match event.pointer(pointer) {
        Some(Value::Array(_)) => text_blocks(event, pointer).collect(),
        _ => written(event, pointer),
    }
}

/// Returns a number of tokens, or `None` where it is absent or beyond belief.
pub fn tokens(event: &Value, pointer: &str) -> Option<u64> {
    believable(event.pointer(pointer)?.as_u64()?)
}

/// Returns the number of tokens unless it is beyond belief.
pub fn believable(tokens: u64) -> Option<u64> {
    (tokens <= MAX_TOKENS).then_some(tokens)
}

/// Returns an amount of US dollars, or `None` where it is absent, negative or infinite.
pub fn dollars(event: &Value, pointer: &str) -> Option<f64> {
    event.pointer(pointer)?.as_f64().filter(|amount| amount.is_finite() && *amount >= 0.0)
}

/// Adds two figures of which either may be unknown.
pub fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (known, None) | (None, known) => known,
    }
}

/// Splits a count of input tokens that includes the cached ones.
pub fn without_cached(input: Option<u64>, cached: Option<u64>) -> Option<u64> {
    input.map(|input| input.saturating_sub(cached.unwrap_or(0)))
}

/// Tells whether a usage says anything at all.
pub fn says_something(usage: &Usage) -> bool {
    usage.tokens().is_some() || usage.cost_usd.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_needs_a_type_to_be_read() {
        assert_eq!(typed(r#"{"type":"x"}"#).unwrap().0, "x");
        for line in ["", "x", "[]", "{}", r#"{"type":1}"#, r#"{"type":"x""#] {
            assert_eq!(typed(line), None, "{line}");
        }
    }

    #[test]
    fn figures_beyond_belief_are_unknown() {
        let event = json!({"a": 5, "b": u64::MAX, "c": -1, "d": -0.5, "e": 0.25});
        assert_eq!((tokens(&event, "/a"), tokens(&event, "/b"), tokens(&event, "/c")), (Some(5), None, None));
        assert_eq!((dollars(&event, "/d"), dollars(&event, "/e")), (None, Some(0.25)));
    }
}
