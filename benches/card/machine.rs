//! What this machine and its compiler are.

use crate::data::Machine;
use std::process::Command;
use std::{env, fs};
use zeropoint::Tier;

pub(crate) fn machine() -> Machine {
    let core = core().unwrap_or_else(unknown);
    Machine {
        cpu: model().unwrap_or_else(|| core.clone()),
        core,
        architecture: env::consts::ARCH.to_owned(),
        caches: caches().unwrap_or_else(unknown),
        tiers: Tier::available().map(|tier| tier.to_string()).collect(),
    }
}

/// The compiler that `cargo bench` used: it is still in the environment.
pub(crate) fn compiler() -> String {
    rustc(&["--version"]).map_or_else(unknown, |version| version.trim().to_owned())
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
fn core() -> Option<String> {
    let list = rustc(&["--print", "target-cpus"])?;
    let (_, name) = list.split_once("(currently ")?;
    Some(name.split(')').next()?.to_owned())
}

/// The CPU's own name, where Linux tells it.
fn model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.trim().to_owned())
}

/// Sizes of the caches for data, where Linux tells them.
fn caches() -> Option<String> {
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
    (!caches.is_empty()).then(|| caches.join(", "))
}
