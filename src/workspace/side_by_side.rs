//! Looks at several work trees at once: in a large repository each look takes git a tenth of a second and more.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// The most that are looked at at once; with more, a disk is what is waited for.
const MOST: usize = 8;

/// Looks at each of these with a few threads, and returns what was found in the order of `all`. `look` is told the place.
pub fn each<T: Sync, R: Send>(all: &[T], look: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST).min(all.len());
    if threads < 2 {
        return all.iter().enumerate().map(|(place, one)| look(place, one)).collect();
    }
    let next = AtomicUsize::new(0);
    let (sender, found) = channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, look) = (sender.clone(), &next, &look);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(place) else { return };
                    // Whoever asked is there until all threads have ended.
                    let _ = sender.send((place, look(place, one)));
                }
            });
        }
    });
    drop(sender);
    let mut found: Vec<(usize, R)> = found.into_iter().collect();
    found.sort_unstable_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stands_in_the_order_of_what_was_looked_at() {
        let all: Vec<u64> = (0..100).collect();
        let found = each(&all, |place, one| {
            std::thread::sleep(std::time::Duration::from_micros(100 - one));
            (place, one * 2)
        });
        assert!(found.iter().enumerate().all(|(at, found)| *found == (at, at as u64 * 2)), "{found:?}");
        assert!(each(&[] as &[u64], |_, one| *one).is_empty());
    }
}
