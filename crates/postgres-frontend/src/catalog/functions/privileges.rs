//! Privileges and visibility: there is one role, which may do everything, and nothing is hidden.

use super::{Definition, constant, strict};
use crate::catalog::cell::{Cell, Kind};
use crate::catalog::world::World;

pub(super) fn functions() -> Vec<Definition> {
    let mut functions = vec![
        strict("pg_table_is_visible", 1..=1, Kind::Bool, |world, cells| {
            let relation = cells[0].oid().and_then(|oid| world.relation(oid));
            Ok(relation.map(|relation| relation.schema() != "information_schema").into())
        }),
        strict("pg_relation_is_publishable", 1..=1, Kind::Bool, |world, cells| Ok(is_table(world, &cells[0]).into())),
        constant("pg_has_role", 2..=3, Kind::Bool, true),
        constant("pg_is_other_temp_schema", 1..=1, Kind::Bool, false),
        constant("pg_my_temp_schema", 0..=0, Kind::Oid, 0),
        constant("pg_relation_is_updatable", 2..=2, Kind::Int4, 28),
        constant("pg_column_is_updatable", 3..=3, Kind::Bool, true),
        constant("row_security_active", 1..=1, Kind::Bool, false),
        constant("acldefault", 2..=2, Kind::TextArray, Cell::Null),
    ];
    let visible = [
        "pg_type_is_visible",
        "pg_function_is_visible",
        "pg_operator_is_visible",
        "pg_opclass_is_visible",
        "pg_opfamily_is_visible",
        "pg_collation_is_visible",
        "pg_conversion_is_visible",
        "pg_statistics_obj_is_visible",
        "pg_ts_config_is_visible",
        "pg_ts_dict_is_visible",
        "pg_ts_parser_is_visible",
        "pg_ts_template_is_visible",
    ];
    functions.extend(visible.map(|name| constant(name, 1..=1, Kind::Bool, true)));
    let privileges = [
        "has_table_privilege",
        "has_any_column_privilege",
        "has_schema_privilege",
        "has_database_privilege",
        "has_function_privilege",
        "has_sequence_privilege",
        "has_language_privilege",
        "has_type_privilege",
        "has_tablespace_privilege",
        "has_foreign_data_wrapper_privilege",
        "has_server_privilege",
        "has_parameter_privilege",
    ];
    functions.extend(privileges.map(|name| constant(name, 2..=3, Kind::Bool, true)));
    functions.push(constant("has_column_privilege", 3..=4, Kind::Bool, true));
    functions
}

fn is_table(world: &World, cell: &Cell) -> bool {
    cell.oid()
        .and_then(|oid| world.relation(oid))
        .is_some_and(|relation| relation.kind() == "r" && relation.schema() == "public")
}
