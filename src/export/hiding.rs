//! Secrets are taken out of what is told; the words by which programs find their way in it stay.
//!
//! A secret may be a common word: a password that is `postgres`, where a task is called `postgres-schema`. What people and
//! agents wrote goes without it. The name of a task, a state, a kind, a time stay, for without them nothing of it could be
//! read any more.
//!
//! # How it works
//!
//! All of it is hidden first, which is enough nearly always. Where that cannot be read back, the places are found that have
//! to stay: those that, hidden alone, cannot be read back either. A place is the names of the fields that lead to it, so it
//! is the same for each task of a list.

use crate::domain::redact::Redactor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

/// Fields in which crew writes the name of a task as a part of something: of a path, of a branch.
const MADE_OF_NAMES: [&str; 4] = ["path", "branch", "reference", "log"];

/// Returns the same with all texts harmless and without secrets. `names` are those of tasks, which paths and branches of
/// crew hold.
pub fn hidden<T: Serialize + DeserializeOwned>(
    told: &T,
    words: &Redactor,
    names: &[&str],
) -> Result<T, serde_json::Error> {
    let plain = serde_json::to_value(told)?;
    let mut safe = plain.clone();
    words.value(&mut safe);
    if safe == plain {
        return T::deserialize(&safe);
    }
    let hiding = Hiding { plain: &plain, words };
    hiding.put_back(&mut safe, &mut |place, text| {
        let last = place.rsplit('/').next().unwrap_or_default();
        MADE_OF_NAMES.contains(&last) && hiding.is_hidden_in_a_name_alone(text, names)
    });
    if let Ok(read) = T::deserialize(&safe) {
        return Ok(read);
    }
    let mut changed = BTreeSet::new();
    hiding.put_back(&mut safe, &mut |place, _| {
        changed.insert(place.to_owned());
        false
    });
    let changed: Vec<String> = changed.into_iter().collect();
    let mut needed = BTreeSet::new();
    hiding.find_needed::<T>(&safe, &changed, &mut needed);
    hiding.put_back(&mut safe, &mut |place, _| needed.contains(place));
    T::deserialize(&safe)
}

struct Hiding<'a> {
    plain: &'a Value,
    words: &'a Redactor,
}

impl Hiding<'_> {
    /// Finds those of some places whose words are needed.
    fn find_needed<T: DeserializeOwned>(
        &self,
        safe: &Value,
        places: &[String],
        needed: &mut BTreeSet<String>,
    ) {
        let mut tried = safe.clone();
        self.put_back(&mut tried, &mut |place, _| !places.iter().any(|hidden| hidden == place));
        match places {
            _ if T::deserialize(&tried).is_ok() => {}
            [] => {}
            [place] => drop(needed.insert(place.clone())),
            _ => {
                let (some, others) = places.split_at(places.len() / 2);
                self.find_needed::<T>(safe, some, needed);
                self.find_needed::<T>(safe, others, needed);
            }
        }
    }

    /// Puts words back as they were, where that is wanted of their place.
    fn put_back(&self, safe: &mut Value, wanted: &mut dyn FnMut(&str, &str) -> bool) {
        self.put_back_at(self.plain, safe, &mut String::new(), wanted);
    }

    fn put_back_at(
        &self,
        plain: &Value,
        safe: &mut Value,
        place: &mut String,
        wanted: &mut dyn FnMut(&str, &str) -> bool,
    ) {
        match (plain, safe) {
            (Value::String(plain), Value::String(safe)) if plain != safe && wanted(place, plain) => {
                safe.clone_from(plain);
            }
            (Value::Array(plain), Value::Array(safe)) => {
                for (plain, safe) in plain.iter().zip(safe) {
                    self.put_back_at(plain, safe, place, wanted);
                }
            }
            (Value::Object(plain), Value::Object(safe)) => {
                let length = place.len();
                for (name, field) in plain {
                    place.push('/');
                    place.push_str(name);
                    let mut shown = Value::from(name.as_str());
                    self.words.value(&mut shown);
                    let shown = shown.as_str().unwrap_or_default();
                    let mut key = shown;
                    // One that was put back earlier has its own name again.
                    if shown != name && safe.contains_key(name) {
                        key = name.as_str();
                    } else if shown != name && wanted(&format!("{place}="), name) {
                        let value = safe.remove(shown).unwrap_or_default();
                        safe.insert(name.clone(), value);
                        key = name.as_str();
                    }
                    if let Some(safe) = safe.get_mut(key) {
                        self.put_back_at(field, safe, place, wanted);
                    }
                    place.truncate(length);
                }
            }
            _ => {}
        }
    }

    /// Tells whether nothing of a text is a secret but a part of the name of a task, which stands there as a whole.
    fn is_hidden_in_a_name_alone(&self, text: &str, names: &[&str]) -> bool {
        let is_safe = |text: &str| self.words.text(text) == text;
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        let parts = text.split_inclusive(|letter| !is_of_name(letter)).map(|part| {
            let name = part.trim_end_matches(|letter| !is_of_name(letter));
            match names.contains(&name) && !is_safe(name) {
                true => part.replace(name, "name"),
                false => part.to_owned(),
            }
        });
        is_safe(&parts.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::run::tests::spec;
    use crate::domain::task::{TaskSpec, TaskState};
    use crate::domain::when::When;
    use serde::Deserialize;

    fn postgres() -> (Redactor, TaskSpec) {
        let mut schema = spec("postgres-schema", &["postgres"]);
        schema.when = Some(When::parse("postgres.state == completed").unwrap());
        schema.verify = vec!["psql -W postgres".into()];
        (Redactor::knowing(["postgres", "completed"]), schema)
    }

    #[test]
    fn a_name_that_holds_a_secret_stays_and_what_was_written_does_not() {
        let (words, schema) = postgres();
        let Ok(Event::TaskCreated { spec: safe }) =
            hidden(&Event::TaskCreated { spec: schema.clone() }, &words, &[])
        else {
            panic!("it can be read")
        };
        assert_eq!((&safe.id, &safe.depends_on, &safe.when), (&schema.id, &schema.depends_on, &schema.when));
        assert_eq!(safe.verify, ["psql -W [redacted]"]);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Told {
        state: TaskState,
        note: String,
        path: String,
        others: Vec<Told>,
    }

    fn told(note: &str, path: &str, others: Vec<Told>) -> Told {
        Told { state: TaskState::Completed, note: note.into(), path: path.into(), others }
    }

    #[test]
    fn a_word_that_is_a_state_stays_one_and_is_hidden_in_a_text_and_so_are_names_of_fields() {
        let words = Redactor::knowing(["completed", "others"]);
        let was = told("completed with others", "a", vec![told("completed", "b", Vec::new())]);
        let is = told("[redacted] with [redacted]", "a", vec![told("[redacted]", "b", Vec::new())]);
        assert_eq!(hidden(&was, &words, &[]).unwrap(), is);
    }

    #[test]
    fn a_path_stays_where_the_name_of_a_task_is_all_that_looks_like_a_secret() {
        let words = Redactor::knowing(["postgres"]);
        let path =
            |path: &str, names: &[&str]| hidden(&told("", path, Vec::new()), &words, names).unwrap().path;
        let name = "postgres-schema";
        assert_eq!(path("artifacts/postgres-schema.1.md", &[name]), "artifacts/postgres-schema.1.md");
        assert_eq!(path("postgres/postgres-schema.1.md", &[name]), "[redacted]/[redacted]-schema.1.md");
        assert_eq!(path("artifacts/postgres-schema.1.md", &[]), "artifacts/[redacted]-schema.1.md");
        let token = format!("crew/ghp_{}", "a1B2".repeat(9));
        assert_eq!(path(&token, &["a1B2", "a", "crew"]), "crew/[redacted]", "names are looked for as words");
    }
}
