//! Shapes: types written in one line, expanded to the level of the binary interface. Two functions
//! have the same type exactly if their shapes are the same text. Names of parameters and of plain
//! types do not matter; names of resources, fields and cases do.

use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId};

/// An upper limit for shapes, above that of any function of the contract. Nested types can have a
/// text that would fill all memory.
const SHAPE_OCTETS_MAX: usize = 4_096;

/// `func(borrow<request>, borrow<terms>) -> variant{proceed, …}`
pub(super) fn of_function(resolve: &Resolve, function: &Function) -> String {
    let parameters =
        listed(function.params.iter().map(|parameter| of_type(resolve, &parameter.ty)));
    let prefix = if function.kind.is_async() { "async " } else { "" };
    let result = match &function.result {
        Some(result) => format!(" -> {}", of_type(resolve, result)),
        None => String::new(),
    };
    format!("{prefix}func({parameters}){result}")
}

fn of_type(resolve: &Resolve, ty: &Type) -> String {
    let name = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => return of_definition(resolve, *id),
    };
    name.to_owned()
}

pub(super) fn of_definition(resolve: &Resolve, id: TypeId) -> String {
    let Some(definition) = resolve.types.get(id) else { return "?".to_owned() };
    let of = |ty: &Type| of_type(resolve, ty);
    let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
    match &definition.kind {
        TypeDefKind::Type(ty) => of(ty),
        TypeDefKind::Resource => definition.name.clone().unwrap_or_else(|| "resource".to_owned()),
        TypeDefKind::Handle(Handle::Own(resource)) => {
            format!("own<{}>", of_definition(resolve, *resource))
        }
        TypeDefKind::Handle(Handle::Borrow(resource)) => {
            format!("borrow<{}>", of_definition(resolve, *resource))
        }
        TypeDefKind::Record(record) => in_braces(
            "record",
            record.fields.iter().map(|field| format!("{}: {}", field.name, of(&field.ty))),
        ),
        TypeDefKind::Flags(flags) => {
            in_braces("flags", flags.flags.iter().map(|flag| flag.name.clone()))
        }
        TypeDefKind::Enum(cases) => {
            in_braces("enum", cases.cases.iter().map(|case| case.name.clone()))
        }
        TypeDefKind::Variant(variant) => in_braces(
            "variant",
            variant.cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, of(ty)),
                None => case.name.clone(),
            }),
        ),
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", listed(tuple.types.iter().map(of)))
        }
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::Result(result) => {
            format!("result<{}, {}>", optional(&result.ok), optional(&result.err))
        }
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", of(key), of(value)),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", of(ty)),
        TypeDefKind::Future(ty) => format!("future<{}>", optional(ty)),
        TypeDefKind::Stream(ty) => format!("stream<{}>", optional(ty)),
        TypeDefKind::Unknown => "?".to_owned(),
    }
}

fn in_braces(kind: &str, members: impl Iterator<Item = String>) -> String {
    format!("{kind}{{{}}}", listed(members))
}

/// The members of a type. Stops early for a type that is larger than any of the contract.
fn listed(mut members: impl Iterator<Item = String>) -> String {
    let mut text = members.next().unwrap_or_default();
    // The check comes before the next member is expanded, because the expansion takes the time.
    while text.len() <= SHAPE_OCTETS_MAX {
        let Some(member) = members.next() else { return text };
        text.push_str(", ");
        text.push_str(&member);
    }
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::served::Served;

    #[test]
    fn a_type_that_would_fill_all_memory_is_cut_short() {
        let mut text = "package test:huge; interface i { type t0 = tuple<u8, u8>;".to_owned();
        for depth in 1..60 {
            let below = depth - 1;
            text.push_str(&format!("type t{depth} = tuple<t{below}, t{below}>;"));
        }
        text.push_str("f: func(huge: t59); g: func(small: t2); }");
        let huge = Served::parse([("huge.wit", text.as_str())]).unwrap();
        let (_, interface) = huge.resolve.interfaces.iter().next().unwrap();
        let shape = |name: &str| of_function(&huge.resolve, &interface.functions[name]);
        assert!(shape("f").len() < 3 * SHAPE_OCTETS_MAX, "{}", shape("f").len());
        assert!(shape("f").contains('…'));
        let pair = "tuple<tuple<u8, u8>, tuple<u8, u8>>";
        assert_eq!(shape("g"), format!("func(tuple<{pair}, {pair}>)"));
    }
}
