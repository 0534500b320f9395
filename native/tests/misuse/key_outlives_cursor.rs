//! A key outlives its cursor.

fn first_key(block: &native::Block) -> &[u8] {
    let mut cursor = block.cursor();
    cursor.next().unwrap().key
}

fn main() {
    first_key(&native::read_block(std::io::empty()).unwrap());
}
