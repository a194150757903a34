//! What an attempt used up: tokens and money, as far as the agent tells.

use serde::{Deserialize, Serialize};

/// Tokens and cost. `None` means that the agent did not say, which is not the same as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens read from and written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Returns input, output and cached tokens together, or `None` where none of them is known.
    pub fn tokens(&self) -> Option<u64> {
        let known = [self.input_tokens, self.output_tokens, self.cached_tokens];
        known.iter().any(Option::is_some).then(|| known.iter().flatten().sum())
    }

    /// Tells whether nothing is known of it.
    pub fn is_untold(&self) -> bool {
        *self == Usage::default()
    }

    /// Adds what another step or attempt used.
    pub fn add(&mut self, other: &Usage) {
        fn sum<T: std::ops::Add<Output = T> + Copy>(ours: &mut Option<T>, theirs: Option<T>) {
            if let Some(theirs) = theirs {
                *ours = Some(ours.map_or(theirs, |ours| ours + theirs));
            }
        }
        sum(&mut self.input_tokens, other.input_tokens);
        sum(&mut self.output_tokens, other.output_tokens);
        sum(&mut self.cached_tokens, other.cached_tokens);
        sum(&mut self.cost_usd, other.cost_usd);
    }

    /// Returns what is left without what was counted before.
    pub fn without(&self, counted: &Usage) -> Usage {
        let tokens = |all: Option<u64>, part: Option<u64>| Some(all?.saturating_sub(part.unwrap_or(0)));
        Usage {
            input_tokens: tokens(self.input_tokens, counted.input_tokens),
            output_tokens: tokens(self.output_tokens, counted.output_tokens),
            cached_tokens: tokens(self.cached_tokens, counted.cached_tokens),
            cost_usd: self.cost_usd.map(|all| (all - counted.cost_usd.unwrap_or(0.0)).max(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_stays_unknown_until_somebody_tells() {
        let mut usage = Usage::default();
        assert_eq!(usage.tokens(), None);
        usage.add(&Usage { output_tokens: Some(5), ..Usage::default() });
        usage.add(&Usage { output_tokens: Some(7), input_tokens: Some(1), ..Usage::default() });
        assert_eq!((usage.tokens(), usage.cost_usd), (Some(13), None));
        let more = Usage { output_tokens: Some(20), cached_tokens: Some(3), ..Usage::default() };
        let left = more.without(&usage);
        assert_eq!((left.input_tokens, left.output_tokens, left.cached_tokens), (None, Some(8), Some(3)));
    }
}
