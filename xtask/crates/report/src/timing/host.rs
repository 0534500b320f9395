//! The machine on which samples were taken.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use xtask_process::exec::Cmd;

/// The facts about the machine that can be determined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The number of cores that this process may use.
    pub cores: usize,
    /// The model of the processor; none if it cannot be found.
    pub cpu: Option<String>,
    /// The size of the main memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// The operating system and its version.
    pub os: String,
    /// The version line of the rustc that compiled.
    pub rustc: Option<String>,
}

impl HostFacts {
    /// Returns whether times of both machines can be compared. Memory is ignored, because a kernel's share of
    /// it differs by version.
    pub fn comparable(&self, other: &Self) -> bool {
        let what = |h: &Self| (h.cores, h.cpu.clone(), h.os.clone(), h.rustc.clone());
        what(self) == what(other)
    }
}

/// Writes the facts that are known, in one line.
impl fmt::Display for HostFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = xtask_files::counted(self.cores as u64, "core");
        let memory = self.memory_bytes.map(|m| format!("{} memory", xtask_files::human_size(m)));
        let parts = [Some(cores), self.cpu.clone(), memory, Some(self.os.clone()), self.rustc.clone()];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// Reads the facts about this machine; unknown ones are left out. `rustc` is the version line of the compiler
/// in use.
pub fn host_facts(rustc: Option<String>) -> HostFacts {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let (cpu, memory_bytes, release) = if cfg!(target_os = "linux") {
        (
            read("/proc/cpuinfo").and_then(|t| cpu_model(&t)),
            read("/proc/meminfo").and_then(|t| memory(&t)),
            read("/etc/os-release").or_else(|| read("/usr/lib/os-release")).and_then(|t| os_name(&t)),
        )
    } else if cfg!(target_os = "macos") {
        let sysctl = |name: &str| said("sysctl", &["-n", name]);
        let version = said("sw_vers", &["-productVersion"]).map(|v| format!("macOS {v}"));
        (sysctl("machdep.cpu.brand_string"), sysctl("hw.memsize").and_then(|m| m.parse().ok()), version)
    } else {
        (std::env::var("PROCESSOR_IDENTIFIER").ok(), None, None)
    };
    HostFacts {
        cores: xtask_files::threads::cores().get(),
        cpu,
        memory_bytes,
        os: release.unwrap_or_else(|| std::env::consts::OS.to_owned()),
        rustc,
    }
}

fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Cmd::new(program).args(args).capture(Duration::from_secs(10)).ok()?;
    (output.ok() && !output.text().is_empty()).then(|| output.text())
}

/// Returns the model from `/proc/cpuinfo`. Arm kernels have none.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let value = |key: &str| {
        let fields = cpuinfo.lines().filter_map(|l| l.split_once(':'));
        fields.filter(|(k, _)| k.trim() == key).map(|(_, v)| v.trim().to_owned()).find(|v| !v.is_empty())
    };
    value("model name").or_else(|| value("uarch")).or_else(|| value("Model"))
}

/// Returns `MemTotal` from `/proc/meminfo`, which counts in units of 1024 bytes.
fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns `PRETTY_NAME` from os-release (see os-release(5)).
fn os_name(release: &str) -> Option<String> {
    let value = release.lines().find_map(|l| l.trim().strip_prefix("PRETTY_NAME="))?;
    let value = value.trim_matches(['"', '\'']).trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kernels_write() {
        let x86 = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Xeon(R) @ 2.60GHz\n";
        assert_eq!(cpu_model(x86).as_deref(), Some("Xeon(R) @ 2.60GHz"));
        assert_eq!(cpu_model("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
        assert_eq!(memory("MemTotal:       24623456 kB\nMemFree: 1 kB\n"), Some(24_623_456 * 1024));
        for bad in ["", "MemTotal: x kB", "MemTotal: 5", "MemTotal: 99999999999999999999 kB"] {
            assert_eq!(memory(bad), None, "{bad}");
        }
        assert_eq!(
            os_name("NAME=x\nPRETTY_NAME=\"A System 12 (name)\"\n").as_deref(),
            Some("A System 12 (name)")
        );
        assert_eq!(os_name("PRETTY_NAME=\"\"\n"), None);
    }

    #[test]
    fn this_machine_has_facts() {
        let host = host_facts(Some("rustc 1.95.0".into()));
        assert!(host.cores >= 1 && !host.os.is_empty());
        assert!(host.comparable(&host_facts(Some("rustc 1.95.0".into()))));
        if cfg!(target_os = "linux") {
            assert!(host.memory_bytes.is_some_and(|m| m > 1 << 24));
        }
    }
}
