//! A cursor outlives its block.

fn main() {
    let block = native::read_block(std::io::empty()).unwrap();
    let mut cursor = block.cursor();
    drop(block);
    cursor.next();
}
