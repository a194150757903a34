//! Checks JSON against a published JSON Schema (drafts 4 to 7, as far as the schemas in `fixtures/schemas` go).
//!
//! A keyword that is not known here fails the test, so that no rule of a schema is passed over.

use regex::Regex;
use serde_json::Value;
use std::path::Path;

/// Fails with every rule that a value breaks.
pub fn assert_valid(schema: &str, value: &Value) {
    let broken = broken(schema, value);
    assert!(broken.is_empty(), "{schema}:\n{}", broken.join("\n"));
}

/// Returns a line for each rule that a value breaks.
fn broken(schema: &str, value: &Value) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schemas").join(schema);
    let root: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut checker = Checker { root: &root, broken: Vec::new() };
    checker.check(&root, value, "");
    checker.broken
}

struct Checker<'a> {
    root: &'a Value,
    broken: Vec<String>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, schema: &'a Value, value: &Value, at: &str) {
        if let Some(to) = schema["$ref"].as_str() {
            // Beside a reference nothing else counts.
            let target = self.root.pointer(to.strip_prefix('#').expect("a local reference")).expect(to);
            return self.check(target, value, at);
        }
        for (keyword, rule) in schema.as_object().expect("a schema") {
            if !self.holds(schema, keyword, rule, value, at) {
                self.broken.push(format!("{at}: {keyword} {rule} does not hold for {value}"));
            }
        }
    }

    fn is_valid(&self, schema: &'a Value, value: &Value) -> bool {
        let mut inner = Checker { root: self.root, broken: Vec::new() };
        inner.check(schema, value, "");
        inner.broken.is_empty()
    }

    fn holds(&mut self, schema: &'a Value, keyword: &str, rule: &'a Value, value: &Value, at: &str) -> bool {
        let size = || rule.as_u64().expect("a size") as usize;
        match keyword {
            "$schema" | "$id" | "id" | "title" | "description" | "default" | "definitions" => true,
            "type" => is_of(rule.as_str().expect("one type"), value),
            "enum" => rule.as_array().expect("a list").contains(value),
            "properties" | "additionalProperties" => {
                if keyword == "properties" || schema["properties"].is_null() {
                    self.check_properties(schema, value, at);
                }
                true
            }
            "required" => {
                let names = rule.as_array().expect("a list").iter().filter_map(Value::as_str);
                value.as_object().is_none_or(|there| names.into_iter().all(|name| there.contains_key(name)))
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(rule, item, &format!("{at}/{index}"));
                }
                true
            }
            "minItems" => value.as_array().is_none_or(|items| items.len() >= size()),
            "uniqueItems" => {
                let differ = |items: &Vec<Value>| {
                    items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
                };
                rule == false || value.as_array().is_none_or(differ)
            }
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= size()),
            "pattern" => {
                value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "format" => value.as_str().is_none_or(|text| is_of_format(rule.as_str().unwrap(), text)),
            "anyOf" => rule.as_array().unwrap().iter().any(|one| self.is_valid(one, value)),
            "oneOf" => rule.as_array().unwrap().iter().filter(|one| self.is_valid(one, value)).count() == 1,
            _ => panic!("no check for the keyword {keyword} at {at}"),
        }
    }

    fn check_properties(&mut self, schema: &'a Value, value: &Value, at: &str) {
        for (name, inner) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(known), _) => self.check(known, inner, &at),
                (None, Value::Bool(false)) => self.broken.push(format!("{at}: there is no such property")),
                (None, Value::Null | Value::Bool(true)) => {}
                (None, other) => self.check(other, inner, &at),
            }
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => panic!("no check for the type {name}"),
    }
}

/// Checks the characters of a URI (RFC 3986), and that one that is not relative has a scheme.
fn is_of_format(name: &str, text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    match name {
        "uri" => text.contains(':') && text.chars().all(allowed),
        "uri-reference" => text.chars().all(allowed),
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        _ => panic!("no check for the format {name}"),
    }
}

#[test]
fn what_breaks_a_schema_is_found() {
    let valid = serde_json::json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "crew", "rules": [{"id": "a"}]}},
        "results": [{"message": {"text": "m"}, "level": "note",
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a%20b"}, "region": {"startLine": 1}}}]}],
    }]});
    assert_valid("sarif-2.1.0.json", &valid);
    for (pointer, wrong, told) in [
        ("/version", serde_json::json!("2.0"), "/version: enum"),
        ("/runs/0/tool/driver", serde_json::json!({}), "/driver: required"),
        ("/runs/0/tool/driver/rules", serde_json::json!([{"id": "a"}, {"id": "a"}]), "uniqueItems"),
        ("/runs/0/results/0/level", serde_json::json!("grave"), "/level: enum"),
        (
            "/runs/0/results/0/message",
            serde_json::json!({"txt": "m"}),
            "/message/txt: there is no such property",
        ),
        (
            "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri",
            serde_json::json!("a b"),
            "format",
        ),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", serde_json::json!(0), "minimum"),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", serde_json::json!(1.5), "type"),
    ] {
        let mut broken_one = valid.clone();
        *broken_one.pointer_mut(pointer).unwrap() = wrong;
        let broken = broken("sarif-2.1.0.json", &broken_one);
        assert!(broken.iter().any(|line| line.contains(told)), "{told}: {broken:?}");
    }
}
