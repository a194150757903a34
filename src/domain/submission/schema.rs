//! What may be handed in, as JSON Schema (2020-12). It is made from the types that read it, so the two are one.

use super::result::{not_from, requires_field};
use super::{
    Escalation, Hypothesis, Kind, PlanBody, Progress, QuestionBody, Reason, ResultBody, ReviewBody, Terms,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Returns the schema of everything that may be handed in on these terms: an object with one property, the kind, that
/// holds what `crew submit KIND --json` takes.
pub fn of(terms: &Terms) -> Value {
    let kinds = Kind::ALL.into_iter().filter(|kind| terms.takes(*kind));
    let properties: Map<String, Value> =
        kinds.map(|kind| (kind.name().to_owned(), of_kind(kind, terms))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": match terms.role.as_str() {
            "" => "What may be handed in".to_owned(),
            role => format!("What the role {role} may hand in"),
        },
        "description": "One property: the kind. What stands below it is what `crew submit KIND --json FILE` takes.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// Returns the schema of one kind.
pub fn of_kind(kind: Kind, terms: &Terms) -> Value {
    match kind {
        Kind::Result => of_result(terms),
        Kind::Review => of_type::<ReviewBody>(),
        Kind::Noop | Kind::Blocked => of_type::<Reason>(),
        Kind::Escalation => {
            let mut schema = of_type::<Escalation>();
            if !terms.roster.is_empty() {
                schema["properties"]["to"]["enum"] = json!(terms.roster);
            }
            schema
        }
        Kind::Plan => of_type::<PlanBody>(),
        Kind::Question => of_type::<QuestionBody>(),
        Kind::Hypothesis => of_type::<Hypothesis>(),
        Kind::Progress => of_type::<Progress>(),
    }
}

fn of_result(terms: &Terms) -> Value {
    let mut schema = of_type::<ResultBody>();
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|name, _| not_from(&terms.role, name).is_none());
        required.extend(
            properties.keys().filter(|name| requires_field(&terms.role, name)).map(|name| json!(name)),
        );
        if !terms.writes && !terms.role.is_empty() {
            // It may name files, and change none.
            properties["files"]["items"] = json!({"type": "string"});
        }
        for field in &terms.fields {
            let description = "Asked for by this step of the workflow.";
            let shape = json!({"type": field.kind.json_type(), "description": description});
            properties.insert(field.name.clone(), shape);
            required.extend(field.required.then(|| json!(field.name)));
        }
    }
    schema["required"] = json!(required);
    schema
}

/// Returns the names of the fields that every result may have.
pub fn result_names() -> Vec<String> {
    let schema = of_type::<ResultBody>();
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn of_type<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    // The name of our type says nothing to whoever reads it.
    schema.remove("title");
    schema.to_value()
}
