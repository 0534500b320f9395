//! The cases of the benchmark and their subjects, as tasks to be measured.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::rc::Rc;

use native::pure::Pure;
use native::{Backend, Block, LengthMismatch, Text, Texts};

use super::measure::MeasureTask;
use crate::failure::CommandFailure;
use crate::store::{COMPILED, Change, Engine, Range, Store, in_memory};

/// Items of the cases that have many.
const ITEMS: usize = 1000;
const TEXT: &str = "sixteen bytes, ß";

/// The cases in order.
const NO_OP: &str = "no-op";
const DOT: [(&str, usize); 4] = [("dot, 4", 4), ("dot, 64", 64), ("dot, 4096", 4096), ("dot, 1 M", 1 << 20)];
const ROUND_TRIP: &str = "string round trip";
const PER_ITEM: &str = "1,000 strings, one by one";
const BATCH: &str = "1,000 strings, one batch";
const CALLBACK: &str = "callback";
const ENTRY: &str = "row of a block";
const SCAN: &str = "row of a store, scan";
const GET: &str = "row of a store, get";
const ORDER: [&str; 12] =
    [NO_OP, DOT[0].0, DOT[1].0, DOT[2].0, DOT[3].0, ROUND_TRIP, PER_ITEM, BATCH, CALLBACK, ENTRY, SCAN, GET];

/// The backend in Rust behind calls that the compiler may not take apart: what a call costs where nothing is crossed.
#[derive(Debug)]
struct Rust;

impl Backend for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }
    #[inline(never)]
    fn echo(&self, value: i32) -> i32 {
        // Without this, the compiler sees that the call does nothing, and leaves it out, inlined or not.
        black_box(());
        value
    }
    #[inline(never)]
    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
        Pure.dot_product(a, b)
    }
    #[inline(never)]
    fn reverse_string(&self, text: &str) -> Text {
        Pure.reverse_string(text)
    }
    #[inline(never)]
    fn double_array(&self, values: &mut [i32]) {
        Pure.double_array(values);
    }
    #[inline(never)]
    fn sum_array(&self, values: &[i32]) -> i64 {
        Pure.sum_array(values)
    }
    #[inline(never)]
    fn reverse_all(&self, texts: &[&str]) -> Texts {
        Pure.reverse_all(texts)
    }
    #[inline(never)]
    fn for_each(&self, values: &[i32], visit: &mut dyn FnMut(i32) -> ControlFlow<()>) -> usize {
        Pure.for_each(values, visit)
    }
}

/// Everything that was compiled, subjects of one case together.
pub(super) fn all() -> Result<Vec<MeasureTask>, CommandFailure> {
    let mut tasks = Vec::new();
    backend("rust", &Rust, &mut tasks)?;
    // The type is known where it can be: a call by way of `dyn Backend` would be one call more.
    #[cfg(feature = "native")]
    backend("c", &native::c::C, &mut tasks)?;
    #[cfg(feature = "dlopen")]
    if let Ok(library) = native::dlopen::load() {
        backend("dlopen", library, &mut tasks)?;
    }
    for other in native::backends().iter().filter(|other| !["c", "dlopen", "pure"].contains(&other.name())) {
        backend(other.name(), *other, &mut tasks)?;
    }
    for engine in COMPILED {
        store(*engine, &mut tasks)?;
    }
    // Stable: subjects stay in order.
    tasks.sort_by_key(|task| ORDER.iter().position(|case| *case == task.case));
    Ok(tasks)
}

fn backend<B: Backend + ?Sized>(
    subject: &'static str,
    backend: &'static B,
    tasks: &mut Vec<MeasureTask>,
) -> Result<(), CommandFailure> {
    let mut task = |case, items: usize, calls: Box<dyn FnMut(u64)>| {
        tasks.push(MeasureTask { case, subject, items: items as u64, calls });
    };
    let calls = move |calls| {
        for n in 0..calls {
            black_box(backend.echo(black_box(n as i32)));
        }
    };
    task(NO_OP, 1, Box::new(calls));
    for (case, length) in DOT {
        let a: Vec<f64> = (0..length).map(|n| n as f64 * 0.5).collect();
        let b: Vec<f64> = (0..length).map(|n| 1.0 - n as f64).collect();
        let calls = move |calls| {
            for _ in 0..calls {
                // Lengths are equal.
                let _ = black_box(backend.dot_product(black_box(&a), black_box(&b)));
            }
        };
        task(case, 1, Box::new(calls));
    }
    let round_trip = move |calls| {
        for _ in 0..calls {
            // Made, read and freed.
            black_box(backend.reverse_string(black_box(TEXT)).len());
        }
    };
    task(ROUND_TRIP, 1, Box::new(round_trip));
    let texts = vec![TEXT; ITEMS];
    let one_by_one = {
        let texts = texts.clone();
        move |calls| {
            for _ in 0..calls {
                // All results live until the end, as those of a batch do.
                let results: Vec<Text> =
                    black_box(&texts).iter().map(|text| backend.reverse_string(text)).collect();
                black_box(results.iter().map(|text| text.len()).sum::<usize>());
            }
        }
    };
    task(PER_ITEM, ITEMS, Box::new(one_by_one));
    let batch = move |calls| {
        for _ in 0..calls {
            let results = backend.reverse_all(black_box(&texts));
            black_box(results.iter().map(str::len).sum::<usize>());
        }
    };
    task(BATCH, ITEMS, Box::new(batch));
    let values: Vec<i32> = (0..ITEMS as i32).collect();
    let callback = move |calls| {
        for _ in 0..calls {
            let mut sum = 0_i32;
            backend.for_each(black_box(&values), &mut |value| {
                sum = sum.wrapping_add(black_box(value));
                ControlFlow::Continue(())
            });
            black_box(sum);
        }
    };
    task(CALLBACK, ITEMS, Box::new(callback));
    let block = block(backend)?;
    let entries = move |calls| {
        for _ in 0..calls {
            let (mut cursor, mut bytes) = (block.cursor(), 0);
            while let Some(entry) = cursor.next() {
                bytes += black_box(entry).value.len();
            }
            black_box(bytes);
        }
    };
    task(ENTRY, ITEMS, Box::new(entries));
    Ok(())
}

fn key(n: usize) -> Vec<u8> {
    format!("row/{n:05}").into_bytes()
}

fn block<B: Backend + ?Sized>(backend: &B) -> Result<Block, CommandFailure> {
    let rows: BTreeMap<_, _> = (0..ITEMS).map(|n| (key(n), [b'v'; 100])).collect();
    let failed =
        |error: &dyn std::fmt::Display| CommandFailure::failed(format!("cannot make a block: {error}"));
    let bytes = native::block::write(&rows).map_err(|error| failed(&error))?;
    backend.read_block(&mut Cursor::new(bytes)).map_err(|error| failed(&error))
}

fn store(engine: Engine, tasks: &mut Vec<MeasureTask>) -> Result<(), CommandFailure> {
    let store: Rc<dyn Store> = Rc::from(in_memory(engine)?);
    store.apply(&mut (0..ITEMS).map(|n| Ok(Change::Put(key(n), vec![b'v'; 100]))))?;
    let scanned = Rc::clone(&store);
    let scan = move |calls| {
        for _ in 0..calls {
            let mut bytes = 0;
            let result = scanned.scan(&Range::all(), &mut |batch| {
                bytes += batch.rows().map(|(_, value)| value.len()).sum::<usize>();
                Ok(ControlFlow::Continue(()))
            });
            let _ = black_box((result, bytes));
        }
    };
    tasks.push(MeasureTask {
        case: SCAN,
        subject: engine.name(),
        items: ITEMS as u64,
        calls: Box::new(scan),
    });
    let keys: Vec<_> = (0..ITEMS).map(key).collect();
    let get = move |calls: u64| {
        for key in keys.iter().cycle().take(usize::try_from(calls).unwrap_or(usize::MAX)) {
            let _ = black_box(store.get(black_box(key)));
        }
    };
    tasks.push(MeasureTask { case: GET, subject: engine.name(), items: 1, calls: Box::new(get) });
    Ok(())
}
