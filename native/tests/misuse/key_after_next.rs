//! A key is used after the cursor went on, and with it the memory that the key is in.

fn first_two(block: &native::Block) {
    let mut cursor = block.cursor();
    let first = cursor.next().unwrap();
    let second = cursor.next().unwrap();
    println!("{:?} {:?}", first.key, second.key);
}

fn main() {
    first_two(&native::read_block(std::io::empty()).unwrap());
}
