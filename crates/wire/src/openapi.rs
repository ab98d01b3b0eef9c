//! How types that are texts on the wire describe themselves to OpenAPI.

/// A schema of type string, with what `$with` adds to it.
macro_rules! text {
    ($type:ty, $name:expr, |$schema:ident| $with:expr) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let $schema =
                    utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
                $with.into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed($name)
            }
        }
    };
}
pub(crate) use text;
