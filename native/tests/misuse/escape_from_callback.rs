//! The bytes that C shows just before it frees them are kept.

fn main() {
    let mut last: &[u8] = &[];
    let mut keeper = native::keeper(|bytes| last = bytes);
    keeper.release();
    drop(keeper);
    println!("{last:?}");
}
