//! What tokens cost where an agent does not say: the user's own price table.

use super::settings::{self, Settings};
use super::usage::Usage;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The most US dollars that a million tokens may cost.
const MOST: f64 = 1e6;

/// What a million tokens cost, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: f64,
    pub output: f64,
    /// Tokens read from or written to a cache; as much as input where it does not say.
    #[serde(default)]
    pub cached: Option<f64>,
}

impl Price {
    /// Reads an entry of the table, or says what is wrong with it.
    pub fn read(entry: &Value) -> Result<Price, String> {
        let price: Price = serde_json::from_value(entry.clone()).map_err(|error| {
            format!("a price has to be {{\"input\": 1.25, \"output\": 10, \"cached\": 0.13}}: {error}")
        })?;
        let figures = [Some(price.input), Some(price.output), price.cached];
        match figures.into_iter().flatten().all(|figure| (0.0..=MOST).contains(&figure)) {
            true => Ok(price),
            false => Err(format!("a price has to be from 0 to {MOST} dollars for a million tokens")),
        }
    }

    /// Returns what a use of tokens costs in US dollars, or `None` where no tokens are known.
    pub fn of(&self, usage: &Usage) -> Option<f64> {
        usage.tokens()?;
        let part = |tokens: Option<u64>, price: f64| tokens.unwrap_or(0) as f64 * price / 1e6;
        Some(
            part(usage.input_tokens, self.input)
                + part(usage.output_tokens, self.output)
                + part(usage.cached_tokens, self.cached.unwrap_or(self.input)),
        )
    }
}

/// The price table: prices by the name of a model, or of an agent for its own default model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// Takes the table from the settings, whose entries are checked when they are set.
    pub fn of(settings: &Settings) -> Prices {
        let entries = settings.table(&settings::PRICES).into_iter();
        Prices(entries.filter_map(|(name, (entry, _))| Some((name, Price::read(&entry).ok()?))).collect())
    }

    /// Returns the price of a model, or of an agent where no model is named.
    pub fn find(&self, model: Option<&str>, agent: &str) -> Option<Price> {
        self.0.get(model.unwrap_or(agent)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_price_is_for_a_million_tokens() {
        let price = Price::read(&json!({"input": 2, "output": 10, "cached": 0.5})).unwrap();
        let usage = Usage {
            input_tokens: Some(500_000),
            output_tokens: Some(100_000),
            cached_tokens: Some(1_000_000),
            ..Usage::default()
        };
        assert_eq!(price.of(&usage), Some(2.5));
        let plain = Price { cached: None, ..price };
        assert_eq!(plain.of(&usage), Some(4.0));
        assert_eq!(price.of(&Usage::default()), None);
    }

    #[test]
    fn a_wrong_price_says_what_it_should_be() {
        for wrong in [json!(1), json!({"input": 1}), json!({"input": -1, "output": 1}), json!({"inptu": 1})] {
            assert!(Price::read(&wrong).unwrap_err().contains("a price has to be"), "{wrong}");
        }
    }
}
