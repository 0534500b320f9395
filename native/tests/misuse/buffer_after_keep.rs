//! A buffer is written to after C took it.

fn main() {
    let mut keeper = native::keeper(|_| {});
    let mut buffer = native::buffer(3);
    keeper.keep(buffer).unwrap();
    buffer[0] = 1;
}
