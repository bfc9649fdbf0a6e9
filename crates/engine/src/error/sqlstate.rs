//! The SQLSTATEs that Freshet gives, by Postgres' names for them.
//!
//! Source: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.

use std::fmt;

/// Five characters that say to a program what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

impl SqlState {
    /// `success`
    pub const SUCCESS: SqlState = SqlState("00000");
    /// `warning`
    pub const WARNING: SqlState = SqlState("01000");
    /// `protocol_violation`
    pub const PROTOCOL_VIOLATION: SqlState = SqlState("08P01");
    /// `feature_not_supported`
    pub const FEATURE_NOT_SUPPORTED: SqlState = SqlState("0A000");
    /// `cardinality_violation`
    pub const CARDINALITY_VIOLATION: SqlState = SqlState("21000");
    /// `data_exception`
    pub const DATA_EXCEPTION: SqlState = SqlState("22000");
    /// `string_data_right_truncation`
    pub const STRING_DATA_RIGHT_TRUNCATION: SqlState = SqlState("22001");
    /// `numeric_value_out_of_range`
    pub const NUMERIC_VALUE_OUT_OF_RANGE: SqlState = SqlState("22003");
    /// `invalid_datetime_format`
    pub const INVALID_DATETIME_FORMAT: SqlState = SqlState("22007");
    /// `datetime_field_overflow`
    pub const DATETIME_FIELD_OVERFLOW: SqlState = SqlState("22008");
    /// `division_by_zero`
    pub const DIVISION_BY_ZERO: SqlState = SqlState("22012");
    /// `invalid_parameter_value`
    pub const INVALID_PARAMETER_VALUE: SqlState = SqlState("22023");
    /// `invalid_escape_sequence`
    pub const INVALID_ESCAPE_SEQUENCE: SqlState = SqlState("22025");
    /// `invalid_argument_for_logarithm`
    pub const INVALID_ARGUMENT_FOR_LOGARITHM: SqlState = SqlState("2201E");
    /// `invalid_argument_for_power_function`
    pub const INVALID_ARGUMENT_FOR_POWER_FUNCTION: SqlState = SqlState("2201F");
    /// `invalid_text_representation`
    pub const INVALID_TEXT_REPRESENTATION: SqlState = SqlState("22P02");
    /// `invalid_row_count_in_limit_clause`
    pub const INVALID_ROW_COUNT_IN_LIMIT_CLAUSE: SqlState = SqlState("2201W");
    /// `invalid_row_count_in_result_offset_clause`
    pub const INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE: SqlState = SqlState("2201X");
    /// `not_null_violation`
    pub const NOT_NULL_VIOLATION: SqlState = SqlState("23502");
    /// `unique_violation`
    pub const UNIQUE_VIOLATION: SqlState = SqlState("23505");
    /// `active_sql_transaction`
    pub const ACTIVE_SQL_TRANSACTION: SqlState = SqlState("25001");
    /// `read_only_sql_transaction`
    pub const READ_ONLY_SQL_TRANSACTION: SqlState = SqlState("25006");
    /// `no_active_sql_transaction`
    pub const NO_ACTIVE_SQL_TRANSACTION: SqlState = SqlState("25P01");
    /// `in_failed_sql_transaction`
    pub const IN_FAILED_SQL_TRANSACTION: SqlState = SqlState("25P02");
    /// `idle_in_transaction_session_timeout`
    pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: SqlState = SqlState("25P03");
    /// `transaction_timeout`
    pub const TRANSACTION_TIMEOUT: SqlState = SqlState("25P04");
    /// `dependent_objects_still_exist`
    pub const DEPENDENT_OBJECTS_STILL_EXIST: SqlState = SqlState("2BP01");
    /// `invalid_catalog_name`
    pub const INVALID_CATALOG_NAME: SqlState = SqlState("3D000");
    /// `invalid_savepoint_specification`
    pub const INVALID_SAVEPOINT_SPECIFICATION: SqlState = SqlState("3B001");
    /// `invalid_schema_name`
    pub const INVALID_SCHEMA_NAME: SqlState = SqlState("3F000");
    /// `serialization_failure`
    pub const SERIALIZATION_FAILURE: SqlState = SqlState("40001");
    /// `syntax_error_or_access_rule_violation`
    pub const SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION: SqlState = SqlState("42000");
    /// `insufficient_privilege`
    pub const INSUFFICIENT_PRIVILEGE: SqlState = SqlState("42501");
    /// `syntax_error`
    pub const SYNTAX_ERROR: SqlState = SqlState("42601");
    /// `duplicate_column`
    pub const DUPLICATE_COLUMN: SqlState = SqlState("42701");
    /// `ambiguous_column`
    pub const AMBIGUOUS_COLUMN: SqlState = SqlState("42702");
    /// `undefined_column`
    pub const UNDEFINED_COLUMN: SqlState = SqlState("42703");
    /// `undefined_object`
    pub const UNDEFINED_OBJECT: SqlState = SqlState("42704");
    /// `duplicate_alias`
    pub const DUPLICATE_ALIAS: SqlState = SqlState("42712");
    /// `grouping_error`
    pub const GROUPING_ERROR: SqlState = SqlState("42803");
    /// `datatype_mismatch`
    pub const DATATYPE_MISMATCH: SqlState = SqlState("42804");
    /// `wrong_object_type`
    pub const WRONG_OBJECT_TYPE: SqlState = SqlState("42809");
    /// `cannot_coerce`
    pub const CANNOT_COERCE: SqlState = SqlState("42846");
    /// `undefined_function`
    pub const UNDEFINED_FUNCTION: SqlState = SqlState("42883");
    /// `undefined_table`
    pub const UNDEFINED_TABLE: SqlState = SqlState("42P01");
    /// `undefined_parameter`
    pub const UNDEFINED_PARAMETER: SqlState = SqlState("42P02");
    /// `duplicate_table`
    pub const DUPLICATE_TABLE: SqlState = SqlState("42P07");
    /// `invalid_column_reference`
    pub const INVALID_COLUMN_REFERENCE: SqlState = SqlState("42P10");
    /// `invalid_table_definition`
    pub const INVALID_TABLE_DEFINITION: SqlState = SqlState("42P16");
    /// `windowing_error`
    pub const WINDOWING_ERROR: SqlState = SqlState("42P20");
    /// `indeterminate_datatype`
    pub const INDETERMINATE_DATATYPE: SqlState = SqlState("42P18");
    /// `insufficient_resources`
    pub const INSUFFICIENT_RESOURCES: SqlState = SqlState("53000");
    /// `disk_full`
    pub const DISK_FULL: SqlState = SqlState("53100");
    /// `out_of_memory`
    pub const OUT_OF_MEMORY: SqlState = SqlState("53200");
    /// `program_limit_exceeded`
    pub const PROGRAM_LIMIT_EXCEEDED: SqlState = SqlState("54000");
    /// `statement_too_complex`
    pub const STATEMENT_TOO_COMPLEX: SqlState = SqlState("54001");
    /// `object_not_in_prerequisite_state`
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: SqlState = SqlState("55000");
    /// `cant_change_runtime_parameter`
    pub const CANT_CHANGE_RUNTIME_PARAMETER: SqlState = SqlState("55P02");
    /// `query_canceled`
    pub const QUERY_CANCELED: SqlState = SqlState("57014");
    /// `admin_shutdown`
    pub const ADMIN_SHUTDOWN: SqlState = SqlState("57P01");
    /// `idle_session_timeout`
    pub const IDLE_SESSION_TIMEOUT: SqlState = SqlState("57P05");
    /// `io_error`
    pub const IO_ERROR: SqlState = SqlState("58030");
    /// `internal_error`
    pub const INTERNAL_ERROR: SqlState = SqlState("XX000");
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
