//! stub
use serde::{Deserialize, Serialize};
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct When(String);
#[derive(Clone, Debug, PartialEq)]
pub enum Operand { State(String), Exit(String), Var(String) }
impl When {
    pub fn holds(&self, _lookup: &dyn Fn(&Operand) -> Option<String>) -> bool { true }
}
impl std::fmt::Display for When { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
