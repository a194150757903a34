//! Durations, sizes and counts as people read them.

use std::time::Duration;

/// Returns a short time: `400ms`, `41s`, `1m 12s`, `2h 03m`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Says what time went by without crew, and by how much the clock was set; milliseconds.
pub fn gap(asleep: u64, held_up: u64, set: i64) -> String {
    let time = |millis: u64| duration(Duration::from_millis(millis));
    let direction = if set < 0 { "back" } else { "forward" };
    let parts = [
        (asleep > 0).then(|| format!("the machine slept for {}", time(asleep))),
        (held_up > 0).then(|| format!("crew was held up for {}", time(held_up))),
        (set != 0).then(|| format!("the clock was set {direction} by {}", time(set.unsigned_abs()))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns a number of tokens: `812`, `18.2k`, `1.4M`; `~` where it is unknown.
pub fn tokens(tokens: Option<u64>) -> String {
    match tokens {
        None => "~".into(),
        Some(count @ 0..1_000) => count.to_string(),
        Some(count @ 1_000..1_000_000) => format!("{:.1}k", count as f64 / 1e3),
        Some(count) => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// Returns a cost: `$0.06`, `<$0.01`; `~` where it is unknown.
pub fn cost(dollars: Option<f64>) -> String {
    match dollars {
        None => "~".into(),
        Some(dollars) if dollars > 0.0 && dollars < 0.01 => "<$0.01".into(),
        Some(dollars) => format!("${dollars:.2}"),
    }
}

/// Returns a size: `812 B`, `4.1 MB`.
pub fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["kB", "MB", "GB", "TB"].into_iter();
    let mut unit = "B";
    while size >= 1000.0
        && let Some(next) = units.next()
    {
        size /= 1000.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

/// Returns a count with its noun: `1 task`, `2 tasks`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let shown = [400, 41_000, 72_400, 7_380_000].map(|millis| duration(Duration::from_millis(millis)));
        assert_eq!(shown, ["400ms", "41s", "1m 12s", "2h 03m"]);
    }

    #[test]
    fn what_is_unknown_is_not_zero() {
        assert_eq!([tokens(None), tokens(Some(0)), tokens(Some(18_240))], ["~", "0", "18.2k"]);
        assert_eq!(
            [cost(None), cost(Some(0.0)), cost(Some(0.004)), cost(Some(0.06))],
            ["~", "$0.00", "<$0.01", "$0.06"]
        );
        assert_eq!([size(812), size(4_100_000)], ["812 B", "4.1 MB"]);
    }
}
