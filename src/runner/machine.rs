//! How busy this machine is, as far as it tells.

/// Returns how many processes were at work or waited for it, over the last minute.
pub fn load() -> Option<f64> {
    let mut loads = [0.0; 1];
    // SAFETY: it writes at most as many numbers as it is told that there is room for.
    let told = unsafe { libc::getloadavg(loads.as_mut_ptr(), 1) };
    (told == 1).then_some(loads[0])
}

/// Returns how much of the memory could be given to programs, in percent (Linux).
pub fn memory_free() -> Option<u64> {
    free_of(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn free_of(meminfo: &str) -> Option<u64> {
    let kib = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    (kib("MemAvailable")? * 100).checked_div(kib("MemTotal")?)
}

/// Returns how many processors this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read_from_what_the_kernel_says() {
        let says = "MemTotal:        8000 kB\nMemFree:          100 kB\nMemAvailable:    3300 kB\n";
        assert_eq!(free_of(says), Some(41));
        assert_eq!(
            [free_of("MemTotal: 8000 kB\n"), free_of("MemTotal: 0 kB\nMemAvailable: 1 kB")],
            [None, None]
        );
        assert!(load().is_none_or(|load| load >= 0.0) && cores() > 0);
    }
}
