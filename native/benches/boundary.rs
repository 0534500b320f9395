//! What crossing the boundary costs, for every backend side by side: `cargo bench -p native --all-features`.
//!
//! Samples of all backends are interleaved, so that a busy machine hits them alike; the lower quartile and the median of
//! nanoseconds per call are shown. A sample is long enough for the clock's own cost to vanish in it.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

#[cfg(feature = "dlopen")]
#[path = "../build/shared.rs"]
mod shared;
#[cfg(feature = "dlopen")]
#[path = "../build/sources.rs"]
mod sources;

use native::{Backend, NewPerson};

const SAMPLES: usize = 41;
const SAMPLE: Duration = Duration::from_millis(4);

#[inline(never)]
fn rust_echo(value: i32) -> i32 {
    // Or the compiler sees at the place of the call that what comes back is what went in.
    black_box(value)
}

/// The plain loop, whose additions wait for each other: what eight lanes are compared with.
#[inline(never)]
fn one_accumulator(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// A way to do something, and its name.
type Way<'a> = (String, Box<dyn FnMut(u64) + 'a>);

fn way<'a, T>(name: impl Into<String>, mut work: impl FnMut() -> T + 'a) -> Way<'a> {
    let repeat = move |times| {
        for _ in 0..times {
            black_box(work());
        }
    };
    (name.into(), Box::new(repeat))
}

/// Prints one line per way: lower quartile and median of nanoseconds per call, and the ratio to the first.
fn compare(title: &str, mut ways: Vec<Way<'_>>) {
    let time = |work: &mut dyn FnMut(u64), times| {
        let start = Instant::now();
        work(times);
        start.elapsed()
    };
    let times: Vec<u64> = ways
        .iter_mut()
        .map(|(_, work)| {
            let mut times = 1;
            while time(work, times) < SAMPLE {
                times *= 2;
            }
            times
        })
        .collect();
    let mut samples = vec![Vec::new(); ways.len()];
    for _ in 0..SAMPLES {
        for (i, (_, work)) in ways.iter_mut().enumerate() {
            samples[i].push(time(work, times[i]).as_nanos() as f64 / times[i] as f64);
        }
    }
    println!("\n{title}");
    let mut first = None;
    for ((name, _), mut samples) in ways.into_iter().zip(samples) {
        samples.sort_by(f64::total_cmp);
        let (low, median) = (samples[SAMPLES / 4], samples[SAMPLES / 2]);
        let base = *first.get_or_insert(low);
        println!("  {name:<24} {low:>12.2} ns   median {median:>12.2}   {:>7.2} x", low / base);
    }
}

/// C is called as a program would: by its type, not through the trait's table.
#[cfg(feature = "native")]
fn linked_echo() -> Way<'static> {
    way("c, by its type", || native::c::C.echo(black_box(1)))
}

fn all() -> Vec<&'static dyn Backend> {
    let found = native::backends().iter().copied();
    #[cfg(feature = "dlopen")]
    let found = library().into_iter().chain(found.filter(|backend| backend.name() != "dlopen"));
    let mut all: Vec<_> = found.collect();
    all.sort_by_key(|backend| {
        ["pure", "c", "dlopen", "wasm"].iter().position(|name| *name == backend.name())
    });
    all
}

/// The shared library, built for this run.
#[cfg(feature = "dlopen")]
fn library() -> Option<&'static dyn Backend> {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(native::dlopen::FILE_NAME);
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = shared::build(package, &sources::SOURCES, env!("NATIVE_TARGET"), &file);
    let opened = built
        .map_err(|why| eprintln!("dlopen is left out: {why}"))
        .ok()
        .map(|()| native::dlopen::open(&file));
    opened
        .and_then(|opened| opened.map_err(|why| eprintln!("dlopen is left out: {why}")).ok())
        .map(|b| b as &dyn Backend)
}

fn main() {
    let all = all();
    let each = |work: fn(&dyn Backend)| -> Vec<Way<'static>> {
        all.iter().map(|&backend| way(backend.name(), move || work(black_box(backend)))).collect()
    };

    #[allow(unused_mut, reason = "without features there is nothing to add")]
    let mut ways = vec![way("rust, not inlined", || rust_echo(black_box(1)))];
    #[cfg(feature = "native")]
    ways.push(linked_echo());
    #[cfg(feature = "dlopen")]
    if let Some(&backend) = all.iter().find(|backend| backend.name() == "dlopen") {
        ways.push(way("dlopen, by the trait", move || backend.echo(black_box(1))));
    }
    #[cfg(feature = "native")]
    ways.push(way("c, by the trait", || black_box(&native::c::C as &dyn Backend).echo(black_box(1))));
    #[cfg(feature = "wasm")]
    ways.push(way("wasm, by its type", || native::wasm::Wasm.echo(black_box(1))));
    compare("no-op", ways);

    for length in [4, 64, 4096, 1 << 20] {
        let a: Vec<f64> = (0..length).map(|i| f64::from(i) * 0.5).collect();
        let mut ways: Vec<Way<'_>> = all
            .iter()
            .map(|&backend| {
                let a = &a;
                way(backend.name(), move || backend.dot_product(black_box(a), black_box(a)))
            })
            .collect();
        let a = &a;
        ways.push(way("rust, one accumulator", move || one_accumulator(black_box(a), black_box(a))));
        compare(&format!("dot product, {length} elements"), ways);
    }

    let texts: Vec<String> = (0..1000).map(|i| format!("text {i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for &backend in &all {
        let texts = &texts;
        let one_by_one = move || {
            for text in texts {
                drop(black_box(backend.reverse_string(text)));
            }
        };
        let name = backend.name();
        let batch = move || drop(black_box(backend.reverse_all(texts)));
        compare(
            &format!("1000 strings, {name}"),
            vec![way("in one call", batch), way("one by one", one_by_one)],
        );
    }

    compare(
        "callback, 100 elements",
        each(|backend| {
            let mut sum = 0;
            backend.for_each(&[1; 100], &mut |value| {
                sum += value;
                ControlFlow::Continue(())
            });
            black_box(sum);
        }),
    );
    compare(
        "string there and back",
        each(|backend| drop(black_box(backend.reverse_string("hello, boundary")))),
    );
    compare(
        "a person made, read, freed",
        each(|backend| {
            let person = backend.person(NewPerson { name: b"Ada Lovelace", age: 36, salary: 1.0 });
            black_box(person.map(|person| person.name().len()).ok());
        }),
    );
}
