//! Rows S14, S17, S20, S21: the traps of C are errors of the compiler. Each program in `misuse/` must be refused, with
//! the words in the file beside it (`TRYBUILD=overwrite` writes them anew after a change of the compiler).

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
