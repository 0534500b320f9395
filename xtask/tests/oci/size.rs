//! Memory and sizes do not grow with the program.

use xtask_oci::Node;

use crate::support::{first_tree, fixed_image, pack_with};

/// A sparse file of 9 GB would take too long; 300 MB show that nothing holds a whole file.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut image = fixed_image(dir.path());
    let big = dir.path().join("big");
    std::fs::File::create(&big).unwrap().set_len(300 << 20).unwrap();
    image.platforms.truncate(1);
    first_tree(&mut image).insert("big", Node::disk(0o644, &big)).unwrap();
    let before = peak();
    pack_with(&[image], dir.path(), 2);
    let grown = peak() - before;
    assert!(grown < 64 << 10, "packing 300 MB took {grown} KiB of memory");
}

/// The most memory that this process ever had, in KiB. Other tests of this process only make the growth smaller or
/// add their own little.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
