//! docs/reference/commands.md, from clap's definitions, and the examples in the help texts.

use clap::{Arg, Command, CommandFactory, Parser};
use xtask::cli::Cli;

use super::{hold, table, top};

/// The heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// The headings of the options that several commands share, which the page shows once.
const SHARED: [&str; 2] = ["Planning options", "Setup options"];

#[test]
fn the_page_is_current() {
    let mut root = Cli::command();
    root.build();
    let commands = commands(&root);
    let mut page = top("Commands", "Which commands and options does `cargo xtask` have?", "xtask/src/cli");
    let row = |command: &&Command| {
        let name = name(command);
        [format!("[`{name}`](#{})", name.replace(' ', "-")), about(command)]
    };
    page += &table(["command", "does"], &commands.iter().map(row).collect::<Vec<_>>());
    page += "\nstdout is data, stderr is progress. `--help` after a command prints the same text.\n\n\
             ## Exit codes\n\nThey are the same for every command; see [exit codes](exit-codes.md).\n\n";
    let exit_codes = help(&root).split_once("Exit codes:\n").unwrap().1.to_owned();
    let codes = exit_codes.lines().map(|line| {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        [code.to_owned(), meaning.to_owned()]
    });
    page += &table(["code", "meaning"], &codes.collect::<Vec<_>>());
    page += "\n## Global options\n\nEvery command takes them.\n\n";
    page += &options(root.get_arguments().filter(|arg| arg.get_help_heading() == Some(GLOBAL)));
    // It has all of them, with the defaults that most commands have.
    let build = root.find_subcommand("build").unwrap();
    for heading in SHARED {
        page += &format!("\n## {heading}\n\nThe commands below say whether they take them.\n\n");
        page += &options(shared(build, heading));
    }
    for command in commands {
        page += &section(command, build);
    }
    hold("commands.md", &page);
}

/// Every command that help shows, those below another behind it.
fn commands(root: &Command) -> Vec<&Command> {
    let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
    shown.flat_map(|command| [vec![command], commands(command)].concat()).collect()
}

/// `cargo xtask base list`.
fn name(command: &Command) -> String {
    command.get_bin_name().unwrap().to_owned()
}

fn about(command: &Command) -> String {
    command.get_about().unwrap().to_string()
}

fn help(command: &Command) -> String {
    command.get_after_help().map(ToString::to_string).unwrap_or_default()
}

/// The options of a command below one of these headings.
fn shared<'a>(command: &'a Command, heading: &'a str) -> impl Iterator<Item = &'a Arg> {
    command.get_arguments().filter(move |arg| arg.get_help_heading() == Some(heading))
}

fn section(command: &Command, build: &Command) -> String {
    let mut text = format!("\n## {}\n\n{}.\n", name(command), about(command));
    if let Some(more) = command.get_long_about() {
        let more = more.to_string();
        text += &format!("\n{}\n", more.strip_prefix(&about(command)).unwrap().trim_start());
    }
    let usage = command.clone().render_usage().to_string();
    text += &format!("\n```text\n{}\n```\n\n", usage.strip_prefix("Usage: ").unwrap());
    let known: Vec<String> = SHARED.iter().flat_map(|heading| shared(build, heading).map(meaning)).collect();
    let own = command.get_arguments().filter(|arg| {
        let of_all = arg.is_global_set() || arg.get_id() == "help";
        !of_all && !known.contains(&meaning(arg))
    });
    let own: Vec<&Arg> = own.collect();
    if !own.is_empty() {
        text += &options(own.iter().copied());
        text += "\n";
    }
    let taken = SHARED.iter().filter(|heading| shared(command, heading).next().is_some());
    let links = taken.map(|heading| {
        // Some of them are in the table above, with a default of this command.
        let other =
            if own.iter().any(|arg| arg.get_help_heading() == Some(*heading)) { "other " } else { "" };
        let heading = heading.to_lowercase();
        format!("the {other}[{heading}](#{})", heading.replace(' ', "-"))
    });
    let links: Vec<String> = links.collect();
    if !links.is_empty() {
        text += &format!("It also takes {}.\n\n", links.join(" and "));
    }
    let examples = help(command);
    let examples = examples.strip_prefix("Examples:\n").unwrap();
    let lines: Vec<String> = examples.lines().map(|line| format!("$ {}", line.trim_start())).collect();
    text + &format!("```console\n{}\n```\n", lines.join("\n"))
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let row = |arg: &'a Arg| {
        let mut meaning = meaning(arg);
        let mut default = String::new();
        if let Some(from) = meaning.find(" [default: ") {
            let to = from + meaning[from..].find(']').unwrap() + 1;
            default =
                meaning.drain(from..to).as_str()[" [default: ".len()..].trim_end_matches(']').to_owned();
        }
        let set = arg.get_default_values().iter().filter(|_| arg.get_action().takes_values());
        let set: Vec<String> = set.map(|value| format!("`{}`", value.to_string_lossy())).collect();
        [
            format!("`{}`", usage(arg)),
            format!("{meaning}."),
            if set.is_empty() { default } else { set.join(" ") },
        ]
    };
    table(["option", "meaning", "default"], &args.map(row).collect::<Vec<_>>())
}

/// `-v, --verbose`, `--target <TRIPLE>`, `[TARGET]...`.
fn usage(arg: &Arg) -> String {
    let text = arg.to_string();
    match arg.get_short() {
        Some(short) => format!("-{short}, {text}"),
        None => text,
    }
}

/// The help of an option as one paragraph, without its last full stop.
fn meaning(arg: &Arg) -> String {
    let text = arg.get_long_help().or(arg.get_help()).unwrap().to_string();
    text.replace("\n\n", ". ").replace('\n', " ").trim_end_matches('.').to_owned()
}

#[test]
fn every_command_has_examples_that_parse() {
    let mut root = Cli::command();
    root.build();
    let mut all = vec![&root];
    all.extend(root.get_subcommands().flat_map(|command| [vec![command], commands(command)].concat()));
    assert!(all.len() > 15);
    for command in all {
        let help = help(command);
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{}", name(command)));
        let lines: Vec<&str> = examples.lines().take_while(|line| !line.is_empty()).collect();
        assert!(!lines.is_empty(), "{}", name(command));
        for line in lines {
            let line = line.split(" #").next().unwrap_or_default().trim();
            assert!(line.starts_with(&name(command)), "{line} is no example of {}", name(command));
            let words = line.split_whitespace().skip(1);
            Cli::try_parse_from(words).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }
}

/// The first word of each help text is a verb, and short help has no full stop: it is a title.
#[test]
fn abouts_are_titles() {
    let mut root = Cli::command();
    root.build();
    for command in commands(&root) {
        let about = about(command);
        assert!(about.starts_with(char::is_uppercase) && !about.ends_with('.'), "{about}");
        let first = about.split(|c: char| !c.is_alphanumeric()).next().unwrap();
        assert!(!first.ends_with('s'), "{about}: not an imperative");
    }
}
