#!/usr/bin/env bash
# coverage.sh [--check | --last]: runs the suite and prints, for each room and each file of the core, how many of its
# lines, of its branches (a condition is two: it was true, and it was false) and of its conditions by MC/DC (it alone
# decided) were run. With --check it fails when less than 98 % of the core's branches were, or when docs/coverage.md
# does not list, with a reason, exactly those that were not. --last checks the run before once more.
#
# What does not count: the condition of CHECK(), which is written to have one outcome, and of MUTANT(), a constant, nor
# those of a function "of a mutant", which nobody calls in this build. The lines of both are counted all the same.
# A process that is killed takes its counts with it.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly BUILD=$PWD/build/coverage BRANCHES_MIN=98

# What decides, stores, runs and projects: not what publishes contracts, nor the services' and views' business, which
# the sagas, the model and the rebuilds check.
readonly CORE="'base', 'domain', 'eventstore'"
readonly CORE_FILES="'services/runtime.c', 'services/batch.c', 'services/folding.c', 'services/breaker.c',
    'services/policy.c', 'services/dead_letters.c', 'services/discards.c', 'services/outlook.c', 'services/message.c',
    'projections/projector.c', 'projections/view.c', 'projections/view_file.c', 'projections/rebuild.c',
    'projections/generation.c', 'projections/fold.c', 'projections/projection.c'"

run_suite() {
    rm -rf "$BUILD/profiles"
    mkdir -m 777 "$BUILD/profiles"
    # Each program once, so that its file is there and may be written by anybody: some tests run till as another user.
    for program in "$BUILD"/tests/*_tests "$BUILD"/till "$BUILD"/till-* "$BUILD/tests/till-simulate"; do
        "$program" --help >"$BUILD/help" 2>&1
    done
    chmod a+rw "$BUILD"/profiles/*
    ctest --preset coverage --no-tests=error
}

# What LLVM knows as JSON, our lines as a table, the reasons as another.
export_counts() {
    local objects=("$BUILD/till")
    for program in "$BUILD"/tests/*_tests "$BUILD/tests/till-simulate"; do
        objects+=(-object "$program")
    done
    llvm-profdata-19 merge -sparse "$BUILD"/profiles/*.profraw -o "$BUILD/all.profdata"
    llvm-cov-19 export "${objects[@]}" -instr-profile "$BUILD/all.profdata" >"$BUILD/counts.json"
    awk '/^\/\* Of (a mutant|mutants)/ { mutant = 1 }
        { gsub(/\t/, " "); print FILENAME "\t" FNR "\t" mutant + 0 "\t" $0 }
        /^}/ { mutant = 0 }' ./*/*.c ./domain/contracts/*.c |
        sed 's|^\./||' >"$BUILD/lines.tsv"
}

list_reasons() {
    awk -F'`' '/^## `/ { file = $2 }
        /^\* `.*` is never (true|false|asked): ./ { split($5, words, /[ :]/); print file "\t" $2 "\t" $4 "\t" words[4] }' \
        docs/coverage.md >"$BUILD/reasons.tsv"
}

load() {
    list_reasons
    rm -f "$BUILD/coverage.db"
    sqlite3 "$BUILD/coverage.db" <<SQL
CREATE TABLE source(file, line INTEGER, mutant INTEGER, text, PRIMARY KEY (file, line));
CREATE TABLE reason(file, function, condition, outcome);
.mode ascii
.separator "\t" "\n"
.import $BUILD/lines.tsv source
.import $BUILD/reasons.tsv reason
.mode list
CREATE TABLE room(room, file PRIMARY KEY, core);
INSERT INTO room
    SELECT DISTINCT substr(file, 1, instr(file, '/') - 1), file, file IN ($CORE_FILES)
        OR (substr(file, 1, instr(file, '/') - 1) IN ($CORE) AND file NOT LIKE 'domain/contracts/%')
    FROM source WHERE substr(file, 1, instr(file, '/') - 1)
        IN ('base', 'domain', 'eventstore', 'projections', 'services', 'cli');

CREATE TEMP TABLE function AS
    SELECT replace(value->>'\$.filenames[0]', '$PWD/', '') AS file,
        substr(value->>'name', instr(value->>'name', ':') + 1) AS name, value AS body
    FROM json_each(readfile('$BUILD/counts.json'), '\$.data[0].functions');

CREATE TABLE line AS
    SELECT room, room.file, core, value->>'\$.summary.lines.count' AS total,
        value->>'\$.summary.lines.covered' AS covered
    FROM json_each(readfile('$BUILD/counts.json'), '\$.data[0].files')
    JOIN room ON room.file = replace(value->>'filename', '$PWD/', '');

-- A condition stands in the JSON of each program that has it, as [line, column, last line, column after, times true,
-- times false, file, …]; file 0 is the function's own, others are what macros say.
CREATE TABLE condition AS
    SELECT room, file, core, name, value->>0 AS line,
        trim(substr(text, value->>1, iif(value->>0 = value->>2, value->>3 - value->>1, 1000))) AS condition,
        max(value->>4 > 0) AS was_true, max(value->>5 > 0) AS was_false
    FROM function JOIN room USING (file) CROSS JOIN json_each(body, '\$.branches')
    JOIN source USING (file)
    WHERE source.line = value->>0 AND value->>6 = 0 AND NOT mutant
        AND text NOT LIKE '%CHECK(%' AND text NOT LIKE '%MUTANT(%'
    GROUP BY file, name, value->>0, value->>1, value->>2, value->>3;

-- A decision is [line, column, last line, …, [whether each condition has decided alone]] and names no file: what lies
-- outside of its function, or where nothing is decided, is a macro's, of another.
CREATE TABLE decider AS
    SELECT room, file, core, name, record.value->>0 AS line, condition.key + 1 AS nth, max(condition.value) AS decided
    FROM function JOIN room USING (file) CROSS JOIN json_each(body, '\$.mcdc_records') AS record
    JOIN source USING (file) CROSS JOIN json_each(record.value, '\$[#-1]') AS condition
    WHERE source.line = record.value->>0 AND NOT mutant
        AND record.value->>0 BETWEEN body->>'\$.regions[0][0]' AND body->>'\$.regions[0][2]'
        AND EXISTS (SELECT 1 FROM source AS piece
            WHERE piece.file = room.file AND piece.line BETWEEN record.value->>0 AND record.value->>2
            AND (piece.text LIKE '%&&%' OR piece.text LIKE '%||%'))
        AND NOT EXISTS (SELECT 1 FROM source AS piece
            WHERE piece.file = room.file AND piece.line BETWEEN record.value->>0 AND record.value->>2
            AND (piece.text LIKE '%CHECK(%' OR piece.text LIKE '%MUTANT(%'))
    GROUP BY file, name, record.value->>0, record.value->>1, condition.key;

CREATE VIEW undecided AS
    SELECT file, line, name AS function, nth, trim(text) AS text
    FROM decider JOIN source USING (file, line) WHERE core AND NOT decided;

CREATE VIEW missing AS
    SELECT file, name AS function, condition, CASE WHEN was_true THEN 'false' WHEN was_false THEN 'true' ELSE 'asked' END
        AS outcome, line
    FROM condition WHERE core AND NOT (was_true AND was_false);
SQL
}

# table WHERE GROUP: one line of figures for each group.
table() {
    sqlite3 "$BUILD/coverage.db" "
        WITH figure(name, lines, run, branches, taken, conditions, decided) AS (
            SELECT $2, sum(total), sum(covered), 0, 0, 0, 0 FROM line WHERE $1 GROUP BY 1
            UNION ALL
            SELECT $2, 0, 0, 2 * count(*), sum(was_true + was_false), 0, 0 FROM condition WHERE $1 GROUP BY 1
            UNION ALL
            SELECT $2, 0, 0, 0, 0, count(*), sum(decided) FROM decider WHERE $1 GROUP BY 1)
        SELECT printf('%-28s %5d of %5d lines %5.1f %%  %5d of %5d branches %5.1f %%  %4d of %4d conditions %5.1f %%', name,
            sum(run), sum(lines), 100.0 * sum(run) / sum(lines),
            sum(taken), sum(branches), ifnull(100.0 * sum(taken) / sum(branches), 100),
            sum(decided), sum(conditions), ifnull(100.0 * sum(decided) / sum(conditions), 100))
        FROM figure GROUP BY name ORDER BY name"
}

list_missing() {
    sqlite3 "$BUILD/coverage.db" "
        SELECT printf('%s:%d: %s: \`%s\` is never %s', file, line, function, condition, outcome)
        FROM missing WHERE (file, function, condition, outcome) NOT IN reason ORDER BY file, line"
}

# Of the conditions that have not decided alone each belongs to a line; a reason is not asked for.
list_undecided() {
    sqlite3 "$BUILD/coverage.db" "
        SELECT printf('%s:%d: %s: condition %d of: %s', file, line, function, nth, text)
        FROM undecided ORDER BY file, line, nth"
}

list_needless() {
    sqlite3 "$BUILD/coverage.db" "
        SELECT printf('%s: %s: \`%s\` is never %s', file, function, condition, outcome) FROM reason
        WHERE (file, function, condition, outcome) NOT IN (SELECT file, function, condition, outcome FROM missing)"
}

check() {
    local missing needless percent
    missing=$(list_missing) needless=$(list_needless)
    percent=$(sqlite3 "$BUILD/coverage.db" "SELECT 50.0 * sum(was_true + was_false) / count(*) FROM condition WHERE core")
    [ -z "$missing" ] || printf 'Not run, and no reason in docs/coverage.md:\n%s\n' "$missing"
    [ -z "$needless" ] || printf 'In docs/coverage.md, but it was run or is no more:\n%s\n' "$needless"
    awk -v percent="$percent" -v min="$BRANCHES_MIN" 'BEGIN { exit percent < min }' ||
        { echo "coverage: less than $BRANCHES_MIN % of the core's branches were run" && return 1; }
    [ -z "$missing$needless" ]
}

report() {
    local undecided
    load
    table core file
    table true room
    table core "'the core'"
    undecided=$(list_undecided)
    [ -z "$undecided" ] || printf 'Conditions of the core that have not decided alone:\n%s\n' "$undecided"
}

main() {
    local failed=0
    case "${1:-}" in
    "" | --check) ;;
    --last)
        export_counts
        report
        check
        return
        ;;
    *) echo "usage: coverage.sh [--check | --last]" >&2 && return 2 ;;
    esac
    scripts/setup.sh --coverage
    scripts/build.sh coverage
    run_suite || failed=1
    export_counts
    report
    [ "${1:-}" != --check ] || check || failed=1
    return "$failed"
}

main "$@"
