//! Reads the keys of a table one by one, and reports each key that is not valid.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diag::{Diag, Diags};
use super::keys::{self, Section, ValueKind};
use super::quote::quoted;
use super::suggest::nearest;

/// A table that is being read. The methods return none for a key that is absent or not valid; a key that is
/// not valid is reported.
pub(super) struct Fields<'t, 'd> {
    table: &'t DeTable<'t>,
    /// The header of the table, or a whole inline table.
    span: Range<usize>,
    section: &'static Section,
    diags: &'d mut Diags<'static>,
}

impl<'t, 'd> Fields<'t, 'd> {
    /// Starts to read a table, and reports every key that it must not have.
    pub(super) fn open(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        section: &'static Section,
        diags: &'d mut Diags<'static>,
    ) -> Self {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if section.later.contains(&name) {
                let message = format!("`{name}` is not supported yet in {}", section.name);
                diags.at(key.span(), message).help("remove it: it would be ignored");
            } else if section.key(name).is_none() {
                let message = format!("{} has no key {}", section.name, quoted(name));
                diags.at(key.span(), message).help_with(unknown_key(name.to_owned(), section));
            }
        }
        Self { table, span, section, diags }
    }

    /// Returns the value of a key. `kind` must be its type in the list of keys.
    fn value(&self, key: &str, kind: ValueKind) -> Option<&'t Spanned<DeValue<'t>>> {
        debug_assert_eq!(
            self.section.key(key).map(|key| key.kind),
            Some(kind),
            "{key} of {}",
            self.section.name
        );
        self.table.get(key)
    }

    /// Reports `key` if it is absent, and returns `value` unchanged.
    pub(super) fn required<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if !self.table.contains_key(key) {
            let message = format!("{} has no {}", self.section.name, self.section.written(key));
            let diag = match self.span.is_empty() {
                true => self.diags.nowhere(message),
                false => self.diags.at(self.span.clone(), message).whole(),
            };
            diag.help(self.section.help(key));
        }
        value
    }

    /// Reads the string of a key. Returns none if the key is left out or has another type, which is reported.
    pub(super) fn string(&mut self, key: &str) -> Option<Spanned<String>> {
        let value = self.value(key, ValueKind::String)?;
        self.as_string(key, value)
    }

    /// Reads the list of strings of a key. Returns none if the key is left out or has another type, which is
    /// reported.
    pub(super) fn strings(&mut self, key: &str) -> Option<Spanned<Vec<Spanned<String>>>> {
        let value = self.value(key, ValueKind::Strings)?;
        let Some(list) = value.get_ref().as_array() else {
            let diag = self.wrong(key, value, ValueKind::Strings);
            if let Some(text) = value.get_ref().as_str() {
                diag.help(format!("write [{}]", quoted(text)));
            }
            return None;
        };
        let all: Vec<_> = list.iter().map(|item| self.as_string(key, item)).collect();
        Some(Spanned::new(value.span(), all.into_iter().collect::<Option<_>>()?))
    }

    /// Reads a command: a program as a string, or a list of strings. Returns none if the key is left out or has
    /// another type, which is reported.
    pub(super) fn words(&mut self, key: &str) -> Option<Spanned<Vec<Spanned<String>>>> {
        let value = self.value(key, ValueKind::Words)?;
        let Some(list) = value.get_ref().as_array() else {
            let program = match value.get_ref() {
                DeValue::String(_) => self.as_string(key, value)?,
                _ => {
                    let help = self.section.help(key);
                    self.wrong(key, value, ValueKind::Words).help(help);
                    return None;
                }
            };
            return Some(Spanned::new(value.span(), vec![program]));
        };
        let all: Vec<_> = list.iter().map(|item| self.as_string(key, item)).collect();
        Some(Spanned::new(value.span(), all.into_iter().collect::<Option<_>>()?))
    }

    /// Reads the boolean of a key. Returns none if the key is left out or has another type, which is
    /// reported.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key, ValueKind::Boolean)?;
        let read = value.get_ref().as_bool();
        if read.is_none() {
            self.wrong(key, value, ValueKind::Boolean);
        }
        read
    }

    /// Reads a whole number. It is returned in decimal, unless it is too large for an `i64`.
    pub(super) fn integer(&mut self, key: &str) -> Option<Spanned<String>> {
        let value = self.value(key, ValueKind::Integer)?;
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong(key, value, ValueKind::Integer);
            return None;
        };
        let decimal = i64::from_str_radix(number.as_str(), number.radix()).map(|n| n.to_string());
        Some(Spanned::new(value.span(), decimal.unwrap_or_else(|_| number.to_string())))
    }

    /// Reads a table of strings, in the order of its keys.
    pub(super) fn map(&mut self, key: &str) -> Option<Vec<(Spanned<String>, Spanned<String>)>> {
        let value = self.value(key, ValueKind::Map)?;
        let Some(table) = value.get_ref().as_table() else {
            let help = self.section.help(key);
            self.wrong(key, value, ValueKind::Map).help(help);
            return None;
        };
        let entry = |(name, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
            let name: &Spanned<std::borrow::Cow<'t, str>> = name;
            if value.get_ref().is_table() {
                let example = "a name with dots is written in quotes: \"a.b\" = \"…\"";
                self.wrong(name.get_ref(), value, ValueKind::String).help(example);
                return None;
            }
            let value = self.as_string(name.get_ref(), value)?;
            Some((Spanned::new(name.span(), name.get_ref().to_string()), value))
        };
        Some(table.iter().filter_map(entry).collect())
    }

    /// Reads a table that is written as the value of a key: `key = { … }`, with the keys of `section`.
    pub(super) fn inline(&mut self, key: &str, section: &'static Section) -> Option<Fields<'t, '_>> {
        let value = self.value(key, ValueKind::Inline)?;
        let Some(table) = value.get_ref().as_table() else {
            let help = self.section.help(key);
            self.wrong(key, value, ValueKind::Inline).help(help);
            return None;
        };
        Some(Fields::open(table, value.span(), section, self.diags))
    }

    /// Reads the only table of this key: `[key]`.
    pub(super) fn table(&mut self, key: &str) -> Option<(&'t DeTable<'t>, Range<usize>)> {
        let value = self.value(key, ValueKind::Table)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, value, ValueKind::Table)
                .help(format!("write [{key}], with single brackets, once"));
            return None;
        };
        Some((table, value.span()))
    }

    /// Reads the tables of this key: `[[key]]`, in the file's order.
    pub(super) fn tables(&mut self, key: &str) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
        let Some(value) = self.value(key, ValueKind::Tables) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, ValueKind::Tables).help(format!("write [[{key}]], with double brackets"));
            return Vec::new();
        };
        if list.is_empty() {
            self.diags.at(value.span(), format!("`{key}` is an empty list")).help(self.section.help(key));
        }
        let mut tables = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_table() {
                Some(table) => tables.push((table, item.span())),
                None => {
                    self.wrong(key, item, ValueKind::Inline).help(format!("write [[{key}]]"));
                }
            }
        }
        tables
    }

    fn as_string(&mut self, key: &str, value: &Spanned<DeValue<'t>>) -> Option<Spanned<String>> {
        if let Some(text) = value.get_ref().as_str() {
            return Some(Spanned::new(value.span(), text.to_owned()));
        }
        let text = match value.get_ref() {
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            DeValue::Boolean(truth) => Some(truth.to_string()),
            _ => None,
        };
        let diag = self.wrong(key, value, ValueKind::String);
        if let Some(text) = text {
            diag.help(format!("text is written in quotes: {}", quoted(&text)));
        }
        None
    }

    fn wrong(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: ValueKind) -> &mut Diag<'static> {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.diags.at(value.span(), format!("`{key}` takes {}, and this is {found}", expected.phrase()))
    }
}

/// Returns the help for a key that a table does not have.
fn unknown_key(name: String, section: &'static Section) -> impl FnOnce() -> Vec<String> + Send {
    move || {
        let keys = || section.keys.iter().map(|key| key.name);
        let known = format!("its keys are {}", keys().collect::<Vec<_>>().join(", "));
        let mut others = keys::SECTIONS.iter().filter(|other| other.name != section.name);
        let home = others.find(|other| other.key(&name).is_some());
        match (nearest(&name, keys()), home) {
            (Some(near), _) => vec![format!("did you mean `{near}`?")],
            (None, Some(home)) => vec![format!("`{name}` belongs to {}", home.name), known],
            (None, None) => vec![known],
        }
    }
}
