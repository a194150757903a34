//! What a step asks for beside the fields that every result has: `fields: endpoints list!, breaking boolean`.

use super::checks::{refuse, unknown_field};
use super::result::not_from;
use super::{IDENTITY, MAX_TEXTS, Refusal, Terms, schema};
use crate::domain::nearest::nearest;
use crate::domain::words::clean_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most fields that a step may ask for.
const MAX_FIELDS: usize = 20;
/// The most characters of a field's name.
const MAX_NAME: usize = 40;
/// The most bytes of one field's value, as JSON.
const MAX_VALUE: usize = 256 * 1024;

/// A field that a step asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: FieldKind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// What the value of a field has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    Text,
    Number,
    Boolean,
    List,
    Object,
}

impl FieldKind {
    const ALL: [FieldKind; 5] =
        [FieldKind::Text, FieldKind::Number, FieldKind::Boolean, FieldKind::List, FieldKind::Object];

    /// Returns the word used in workflows.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::Text => "text",
            FieldKind::Number => "number",
            FieldKind::Boolean => "boolean",
            FieldKind::List => "list",
            FieldKind::Object => "object",
        }
    }

    /// Returns the word that JSON Schema has for it.
    pub fn json_type(self) -> &'static str {
        match self {
            FieldKind::Text => "string",
            FieldKind::List => "array",
            other => other.name(),
        }
    }

    fn of(value: &Value) -> Option<FieldKind> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => FieldKind::Boolean,
            Value::Number(_) => FieldKind::Number,
            Value::String(_) => FieldKind::Text,
            Value::Array(_) => FieldKind::List,
            Value::Object(_) => FieldKind::Object,
        })
    }
}

/// What is wrong with a list of fields, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFields {
    pub message: String,
    pub hint: Option<String>,
}

fn bad<T>(message: String, hint: Option<String>) -> Result<T, BadFields> {
    Err(BadFields { message, hint })
}

/// Reads the value of the step key `fields`.
pub fn parse(text: &str) -> Result<Vec<Field>, BadFields> {
    let mut fields: Vec<Field> = Vec::new();
    for written in text.split(',').map(str::trim) {
        let field = parse_one(written)?;
        if fields.iter().any(|known| known.name == field.name) {
            return bad(format!("the field `{}` stands there twice", field.name), None);
        }
        fields.push(field);
    }
    if fields.len() > MAX_FIELDS {
        return bad(format!("a step may ask for {MAX_FIELDS} fields, not {}", fields.len()), None);
    }
    Ok(fields)
}

fn parse_one(written: &str) -> Result<Field, BadFields> {
    let form =
        || Some("write NAME TYPE, with a `!` where it is required: `endpoints list!, notes text`".into());
    let words: Vec<&str> = written.split_whitespace().collect();
    let [name, kind] = words[..] else {
        return bad(format!("`{written}` is no field"), form());
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_name || name.len() > MAX_NAME {
        let hint = format!("use small letters, digits and `_`, a letter first; at most {MAX_NAME}");
        return bad(format!("`{name}` cannot be the name of a field"), Some(hint));
    }
    if schema::result_names().iter().any(|known| known == name) {
        return bad(
            format!("every result has a field `{name}` already"),
            Some("give it another name, or ask for the built-in one in the task text".into()),
        );
    }
    if IDENTITY.contains(&name) {
        return bad(format!("`{name}` is what crew knows by itself, whatever an agent says"), None);
    }
    let (word, required) = kind.strip_suffix('!').map_or((kind, false), |word| (word, true));
    let known = FieldKind::ALL.map(FieldKind::name);
    match FieldKind::ALL.into_iter().find(|kind| kind.name() == word) {
        Some(kind) => Ok(Field { name: name.to_owned(), kind, required }),
        None => {
            let hint = nearest(word, known.into_iter()).map(|near| format!("did you mean `{near}`?"));
            let hint = hint.unwrap_or_else(|| format!("the types are {}", known.join(", ")));
            bad(format!("`{word}` is not a type of field"), Some(hint))
        }
    }
}

/// Takes out of every text in the values what a terminal would obey.
pub(super) fn cleaned(values: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    values.into_iter().map(|(name, value)| (name, clean(value))).collect()
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(&text, usize::MAX)),
        Value::Array(list) => Value::Array(list.into_iter().map(clean).collect()),
        Value::Object(object) => Value::Object(
            object.into_iter().map(|(name, value)| (clean_text(&name, usize::MAX), clean(value))).collect(),
        ),
        other => other,
    }
}

/// Checks values against the fields that the step asks for. What is no field at all is refused.
pub(super) fn check(values: &BTreeMap<String, Value>, terms: &Terms) -> Result<(), Refusal> {
    let fields = &terms.fields;
    for (name, value) in values {
        let Some(field) = fields.iter().find(|field| field.name == *name) else {
            let mut built_in = schema::result_names();
            built_in.retain(|name| not_from(&terms.role, name).is_none());
            let known =
                built_in.iter().map(String::as_str).chain(fields.iter().map(|field| field.name.as_str()));
            return unknown_field(name, known);
        };
        let found = FieldKind::of(value);
        if found != Some(field.kind) {
            let found = found.map_or("null", FieldKind::name);
            return refuse(name, format!("{name} has to be a {}, not {found}", field.kind.name()));
        }
        if value.as_array().is_some_and(|list| list.len() > MAX_TEXTS) {
            return refuse(name, format!("{name} has more than {MAX_TEXTS} entries"));
        }
        if value.to_string().len() > MAX_VALUE {
            return refuse(name, format!("{name} is longer than {MAX_VALUE} bytes"));
        }
    }
    match fields.iter().find(|field| field.required && !values.contains_key(&field.name)) {
        Some(Field { name, kind, .. }) => {
            refuse(name, format!("{name} is missing; the step asks for it, as a {}", kind.name()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_names_with_types() {
        let fields = parse("endpoints list!, breaking boolean,notes  text").unwrap();
        let told: Vec<(&str, &str, bool)> =
            fields.iter().map(|field| (field.name.as_str(), field.kind.name(), field.required)).collect();
        assert_eq!(
            told,
            [("endpoints", "list", true), ("breaking", "boolean", false), ("notes", "text", false)]
        );
    }

    #[test]
    fn what_is_no_field_is_told_with_what_was_meant() {
        let rows = [
            ("a lst", "`lst` is not a type of field", "did you mean `list`?"),
            ("a quux", "`quux` is not a type of field", "the types are text, number, boolean, list, object"),
            ("a", "`a` is no field", "write NAME TYPE"),
            ("a text,", "`` is no field", "write NAME TYPE"),
            ("A text", "`A` cannot be the name of a field", "small letters"),
            ("summary text", "every result has a field `summary` already", "another name"),
            ("findings list", "every result has a field `findings` already", "another name"),
            ("task text", "`task` is what crew knows by itself", ""),
            ("a text, a list", "the field `a` stands there twice", ""),
        ];
        for (text, message, hint) in rows {
            let found = parse(text).unwrap_err();
            assert!(found.message.contains(message), "{text}: {found:?}");
            assert!(found.hint.unwrap_or_default().contains(hint), "{text}");
        }
        let many: Vec<String> = (0..21).map(|at| format!("f{at} text")).collect();
        assert!(parse(&many.join(",")).unwrap_err().message.contains("20 fields, not 21"));
    }

    #[test]
    fn values_are_what_the_step_asks_for() {
        let fields = parse("endpoints list!, breaking boolean").unwrap();
        let terms = Terms { fields, ..Terms::of_role("executor") };
        let check = |values: Value| {
            let values = serde_json::from_value(values).unwrap();
            check(&values, &terms).map_err(|refusal| refusal.message)
        };
        assert_eq!(check(json!({"endpoints": ["/a"], "breaking": true})), Ok(()));
        assert_eq!(check(json!({"endpoints": []})), Ok(()));
        let rows = [
            (json!({}), "endpoints is missing; the step asks for it, as a list"),
            (json!({"endpoints": "/a"}), "endpoints has to be a list, not text"),
            (json!({"endpoints": null}), "endpoints has to be a list, not null"),
            (json!({"endpoints": [], "braking": true}), "unknown field `braking`: did you mean `breaking`?"),
            (
                json!({"endpoints": [], "zzz": 1}),
                "unknown field `zzz`: there are checks, confidence, details, files, follow_ups, no_change_reason, rationale, risks, summary, tests, endpoints, breaking",
            ),
            (json!({"endpoints": vec![1; 201]}), "endpoints has more than 200 entries"),
            (json!({"endpoints": ["x".repeat(MAX_VALUE)]}), "endpoints is longer than 262144 bytes"),
        ];
        for (values, message) in rows {
            assert_eq!(check(values), Err(message.to_owned()));
        }
    }
}
