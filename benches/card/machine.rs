//! What this machine and its compiler are.

use std::process::Command;
use std::{env, fs};

/// The compiler that `cargo bench` used: it is still in the environment.
pub(crate) fn compiler() -> String {
    rustc(&["--version"]).map_or(unknown(), |version| version.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn rustc(arguments: &[&str]) -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

/// The kind of core: what `-C target-cpu=native` means here.
pub(crate) fn core() -> String {
    let list = rustc(&["--print", "target-cpus"]).unwrap_or_default();
    let name = list.split_once("(currently ").and_then(|(_, rest)| rest.split_once(')'));
    name.map_or(unknown(), |(name, _)| name.to_owned())
}

/// The CPU's own name, where Linux tells it.
pub(crate) fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or(unknown(), |(_, name)| name.trim().to_owned())
}

/// Sizes of the caches for data, where Linux tells them.
pub(crate) fn caches() -> String {
    let mut caches = Vec::new();
    for index in 0..8 {
        let of = |property| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{property}");
            fs::read_to_string(path).map(|text| text.trim().to_owned())
        };
        let (Ok(level), Ok(kind), Ok(size)) = (of("level"), of("type"), of("size")) else {
            break;
        };
        if kind != "Instruction" {
            caches.push(format!("L{level} {size}"));
        }
    }
    if caches.is_empty() {
        return unknown();
    }
    caches.join(", ")
}
