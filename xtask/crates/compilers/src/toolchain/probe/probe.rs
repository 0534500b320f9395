#[link(name = "probe", kind = "static")]
unsafe extern "C" {
    fn probe_sum(values: *const i32, count: usize) -> i64;
}

fn main() {
    let values = [30, 8, 2];
    // SAFETY: the pointer and the count describe one live array, which probe_sum only reads.
    let sum = unsafe { probe_sum(values.as_ptr(), values.len()) };
    let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(())));
    println!("probe {}", if caught.is_err() { sum } else { 0 });
}
