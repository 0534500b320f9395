//! What the closure that C keeps has borrowed dies before the keeper.

fn main() {
    let mut keeper = {
        let mut freed = 0;
        native::keeper(|_| freed += 1)
    };
    keeper.release();
}
