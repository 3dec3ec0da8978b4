//! Options 66 and 67 beside the fields of the header with the same meaning.
//!
//! Kea sends the fields and the options independently of each other. Here a field that is set
//! nearer to the client than the option gives its text to the option as well. Invariant: an option
//! of all clients stays what it is in every subnet; where it cannot, the report says so.

use lessor_core::option::code;

use crate::{
    model::{Boot, Options, Scope},
    report::{EntryId, LineOutcome},
};

use super::Reading;

/// A field of the header, with the option of the same meaning.
#[derive(Clone, Copy)]
struct Field {
    key: &'static str,
    option: u8,
    of: fn(&Boot) -> Option<&String>,
}

const FIELDS: [Field; 2] = [
    Field { key: "boot-file-name", option: code::BOOT_FILE_NAME, of: |boot| boot.file.as_ref() },
    Field {
        key: "server-hostname",
        option: code::TFTP_SERVER_NAME,
        of: |boot| boot.server_name.as_ref(),
    },
];

impl Field {
    /// Whether the field takes the place of an option of a wider scope.
    fn hides(self, boot: &Boot, options: &Options) -> bool {
        (self.of)(boot).is_some() && !options.contains_key(&self.option)
    }

    fn note(self) -> String {
        format!(
            "its clients get {} as option {} too, where Kea sends that of option-data; write the \
             option below it if they need both",
            self.key, self.option
        )
    }
}

impl Reading {
    /// Repeats options of all clients in the subnets that set the field, and says which classes
    /// and reservations have a field that takes the place of an option.
    pub(super) fn keep_boot_options(&mut self, everywhere: &Scope) {
        for field in FIELDS {
            self.repeat_in_subnets(field, everywhere);
            for entry in self.hiding(field, everywhere) {
                self.report.correct(entry, LineOutcome::Changed, field.note());
            }
        }
    }

    fn repeat_in_subnets(&mut self, field: Field, everywhere: &Scope) {
        let Some(value) = everywhere.options.get(&field.option) else { return };
        for Scope { boot, options, .. } in self.site.subnets.iter_mut().map(|of| &mut of.scope) {
            if field.hides(boot, options) {
                options.insert(field.option, value.clone());
            }
        }
    }

    /// The entries of classes and reservations whose field hides an option.
    fn hiding(&self, field: Field, everywhere: &Scope) -> Vec<EntryId> {
        let is_set = |options: &Options| options.contains_key(&field.option);
        let is_everywhere = is_set(&everywhere.options);
        let is_in_classes = self.site.classes.iter().any(|class| is_set(&class.scope.options));
        let is_in_subnets = self.site.codes_of_subnets().contains(&field.option);
        let classes = self.site.classes.iter().filter(|class| {
            let Scope { boot, options, .. } = &class.scope;
            (is_everywhere || is_in_subnets) && field.hides(boot, options)
        });
        let reservations = self.site.all_reservations().filter(|reservation| {
            (is_everywhere || is_in_subnets || is_in_classes)
                && field.hides(&reservation.boot, &reservation.options)
        });
        let of_classes = classes.filter_map(|class| class.entries.first().copied());
        of_classes.chain(reservations.map(|reservation| reservation.entry)).collect()
    }
}
