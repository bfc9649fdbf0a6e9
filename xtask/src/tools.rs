//! The native tools that building needs: looks for them, and installs what is missing.
//!
//! Knows Debian's apt-get only; elsewhere it says what to install. Which tools are needed follows
//! from the packages in `Cargo.lock`, so the table below may list more than a given tree uses.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::cargo::root;

/// A program or library, and why it is wanted.
struct Tool {
    /// What a person calls it.
    name: &'static str,
    /// Programs, any of which will do.
    programs: &'static [&'static str],
    /// Files by their directory and the start of their name, any of which will do too (libraries).
    files: &'static [(&'static str, &'static str)],
    /// Packages of `Cargo.lock` that compile with it.
    needed_by: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "a C compiler",
        programs: &["cc", "gcc", "clang"],
        files: &[],
        // rustc links with it, too; the others compile C or assembler.
        needed_by: &["xtask", "zstd-sys", "libmimalloc-sys", "psm", "blake3"],
        package: "build-essential",
    },
    Tool {
        name: "a C++ compiler",
        programs: &["c++", "g++", "clang++"],
        files: &[],
        needed_by: &["librocksdb-sys", "rdkafka-sys"],
        package: "build-essential",
    },
    Tool {
        name: "cmake",
        programs: &["cmake"],
        files: &[],
        needed_by: &["aws-lc-sys", "rdkafka-sys"],
        package: "cmake",
    },
    Tool { name: "perl", programs: &["perl"], files: &[], needed_by: &["openssl-src"], package: "perl" },
    Tool {
        name: "pkg-config",
        programs: &["pkg-config"],
        files: &[],
        needed_by: &["openssl-sys", "libz-sys"],
        package: "pkg-config",
    },
    Tool {
        name: "libclang",
        programs: &[],
        files: &[("/usr/lib/llvm-*/lib", "libclang"), ("/usr/lib/*", "libclang")],
        needed_by: &["librocksdb-sys", "clang-sys"],
        package: "libclang-dev",
    },
];

/// Sees to it that everything is there that the tree compiles with.
///
/// # Errors
/// If something is missing and cannot be installed from here.
pub fn ensure() -> Result<(), Error> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| tool.is_needed(&lock) && !tool.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    packages.dedup();
    let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
    eprintln!("missing to build with: {}; installing {} by apt-get", names.join(", "), packages.join(" "));
    install(&packages)
        .map_err(|error| format!("{error}\ninstall by hand: {} (Debian: {})", names.join(", "), packages.join(" ")))
}

/// Whether a program is on the path.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

impl Tool {
    fn is_needed(&self, lock: &str) -> bool {
        self.needed_by.iter().any(|package| lock.contains(&format!("name = \"{package}\"\n")))
    }

    fn is_there(&self) -> bool {
        self.programs.iter().any(|program| has_program(program))
            || self.files.iter().any(|(directory, start)| has_file(directory, start))
    }
}

/// Whether a directory (with at most one `*` in it, as a whole or as the end of one component) has a
/// file whose name starts so.
fn has_file(pattern: &str, start: &str) -> bool {
    let holds = |directory: &Path| {
        std::fs::read_dir(directory)
            .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(start)))
    };
    let Some((before, after)) = pattern.split_once('*') else {
        return holds(Path::new(pattern));
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = std::fs::read_dir(parent) else {
        return false;
    };
    entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with(prefix)
            && holds(&entry.path().join(after.trim_start_matches('/')))
    })
}

fn install(packages: &[&str]) -> Result<(), Error> {
    if !has_program("apt-get") {
        return Err("there is no apt-get here".to_owned());
    }
    apt_get(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    let mut command = if is_root() { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root() {
        // Fails at once where a password would be asked for.
        command.args(["-n", "apt-get"]);
    }
    command.args(arguments);
    eprintln!("  {command:?}");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    crate::cargo::run(command)
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
