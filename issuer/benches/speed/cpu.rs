//! CPU time and memory as Linux counts them. CPU time is what neighbours on the machine change least: rates are said per
//! second of it.

use std::fs;
use std::time::Duration;

/// `USER_HZ`: the unit of times below `/proc`, on every architecture of Linux that this runs on.
const TICKS_PER_SECOND: u64 = 100;

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// The CPU time of a process, all its threads together, in user and in kernel mode. In steps of 10 ms.
pub(crate) fn used_by(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process lives");
    // The second field, the name, may hold anything; it ends at the last parenthesis (proc_pid_stat(5)).
    let fields = stat.rsplit_once(')').expect("a name in parentheses").1.split_whitespace();
    let times: Vec<u64> = fields.skip(11).take(2).map(|field| field.parse().expect("a number")).collect();
    ticks(times.iter().sum())
}

/// The CPU time that the calling thread has used so far.
pub(crate) fn used_by_this_thread() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts a thread's run time");
    Duration::from_nanos(stat.split_whitespace().next().and_then(|field| field.parse().ok()).expect("a number"))
}

/// The memory of a process that is in RAM now, in bytes.
pub(crate) fn resident_bytes(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// The CPU time of the whole machine that was not idle, time stolen by its host included.
pub(crate) fn used_by_all() -> Duration {
    let stat = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .expect("a first line")
        .split_whitespace()
        .skip(1)
        .map(|field| field.parse().expect("a number"))
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    ticks(fields.iter().take(8).sum::<u64>() - fields[3] - fields[4])
}
