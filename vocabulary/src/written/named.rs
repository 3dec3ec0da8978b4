//! A setting as a source of the value of an option.

use alloc::{format, string::String, vec::Vec};
use core::cell::RefCell;

use super::OptionSetting;
use crate::read::{ValueForm, ValueRefusal, ValueSource};

/// A value, or a part of one, and the option that it is for.
#[derive(Clone, Copy)]
pub(crate) struct Named<'w> {
    pub(crate) option: &'w str,
    pub(crate) value: &'w OptionSetting,
    /// The first mistake.
    pub(crate) mistake: &'w RefCell<Option<String>>,
}

impl ValueSource for Named<'_> {
    fn form(&self) -> ValueForm<'_> {
        match self.value {
            OptionSetting::Flag(flag) => ValueForm::Flag(*flag),
            OptionSetting::Number(number) => ValueForm::Number((*number).into()),
            OptionSetting::Text(text) => ValueForm::Text(text),
            OptionSetting::List(_) | OptionSetting::Table(_) | OptionSetting::Other(_) => {
                ValueForm::Other
            }
        }
    }

    fn items(&self) -> Vec<Self> {
        match self.value {
            OptionSetting::List(items) => {
                items.iter().map(|value| Self { value, ..*self }).collect()
            }
            _ => [*self].into(),
        }
    }

    fn members(&self) -> Option<Vec<(String, Self)>> {
        let OptionSetting::Table(members) = self.value else { return None };
        Some(members.iter().map(|(key, value)| (key.clone(), Self { value, ..*self })).collect())
    }

    fn route(&self) -> (Option<Self>, Option<Self>) {
        let member = |key| Some(Self { value: self.value.member(key)?, ..*self });
        let route = (member("to"), member("via"));
        if route.0.is_none() || route.1.is_none() {
            self.refuse(ValueRefusal::wanted(
                "a route with its destination, `to` (such as \"0.0.0.0/0\"), and its router, \
                 `via` (such as \"192.0.2.1\")",
            ));
        }
        route
    }

    fn refuse(&self, refusal: ValueRefusal) {
        let option = self.option;
        let sentence = match refusal {
            ValueRefusal::Wanted { wanted, help } => {
                let found = self.value.described();
                let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                format!("option {option}: wanted {wanted}, found {found}{help}")
            }
            ValueRefusal::TooLong { octets, octets_max } => {
                format!("option {option} takes {octets} octets; wanted at most {octets_max}")
            }
            ValueRefusal::Unknown { noun, found, meant, known } => {
                let meant = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("wanted one of {}", known.join(", ")),
                };
                format!("option {option}: `{found}` is not {noun}; {meant}")
            }
        };
        self.mistake.borrow_mut().get_or_insert(sentence);
    }
}
