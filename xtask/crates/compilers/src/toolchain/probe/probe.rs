#![allow(unexpected_cfgs)]

#[link(name = "probe", kind = "static")]
unsafe extern "C" {
    fn probe_sum(values: *const i32, count: usize) -> i64;
}

#[cfg(probe_cxx)]
#[link(name = "probecxx", kind = "static")]
unsafe extern "C" {
    fn probe_cxx() -> i32;
}

fn main() {
    let values = [30, 8, 2];
    // SAFETY: the pointer and the count describe one live array, which probe_sum only reads.
    let sum = unsafe { probe_sum(values.as_ptr(), values.len()) };
    // SAFETY: it takes nothing, and catches what it throws.
    #[cfg(probe_cxx)]
    let sum = sum + i64::from(unsafe { probe_cxx() } - 2);
    // Without unwinding, a panic ends the program.
    let caught = cfg!(not(panic = "unwind"))
        || std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(()))).is_err();
    println!("probe {}", if caught { sum } else { 0 });
}
