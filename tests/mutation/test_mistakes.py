"""What counts as a small mistake, and what does not."""

import unittest

import mutate
from mistakes import changed, find_mistakes


def made_from(source):
    return {mistake.now for mistake in find_mistakes(source)}


class Mistakes(unittest.TestCase):
    def test_a_comparison_is_flipped_off_by_one_and_negated(self):
        made = made_from("int f(int a, int b)\n{\n    if (a < b)\n        return a;\n    return b;\n}\n")
        self.assertEqual(made, {"if (a <= b)", "if (a >= b)", "if (!(a < b))", "if (a < b) ;"})

    def test_a_constant_gives_way_to_the_next_of_its_family(self):
        made = made_from("enum status f(int a)\n{\n    return a && g() ? STATUS_OK : STATUS_BUSY;\n}\n")
        self.assertEqual(
            made,
            {
                "return a || g() ? STATUS_OK : STATUS_BUSY;",
                "return a && g() ? STATUS_BUSY : STATUS_BUSY;",
                "return a && g() ? STATUS_OK : STATUS_OK;",
            },
        )

    def test_numbers_keep_their_base_and_suffix(self):
        made = made_from("x = f(0, 1, 64, 0x0f, 0700, 7UL, 1.5);\n")
        numbers = ["1, 1, 64, 0x0f, 0700, 7UL", "0, 0, 64, 0x0f, 0700, 7UL", "0, 1, 65, 0x0f, 0700, 7UL"]
        numbers += ["0, 1, 64, 0x10, 0700, 7UL", "0, 1, 64, 0x0f, 0701, 7UL", "0, 1, 64, 0x0f, 0700, 8UL"]
        self.assertEqual(made, {f"x = f({each}, 1.5);" for each in numbers})

    def test_a_statement_is_dropped_and_a_declaration_is_not(self):
        source = "void f(void)\n{\n    char text[8];\n    struct a b = {g()};\n    h(&b,\n      text);\n    (void)i();\n}\n"
        dropped = [mistake for mistake in find_mistakes(source) if mistake.what == "dropped"]
        self.assertEqual([mistake.was for mistake in dropped], ["struct a b = {g()}; h(&b, text);", "text); (void)i();"])
        for mistake in dropped:
            self.assertEqual(changed(source, mistake.edits).count("\n"), source.count("\n"))

    def test_text_comments_assertions_and_the_preprocessor_are_left_alone(self):
        self.assertEqual(
            made_from('#define A (1 < 2)\n/* 1 < 2 */ // 1 < 2\nvoid f(void)\n{\n    CHECK(a < 1 && g("1 < 2", \'1\'));\n}\n'),
            set(),
        )

    def test_a_sign_is_no_subtraction(self):
        self.assertEqual(made_from("int f(int a, int b)\n{\n    return -a - b;\n}\n"), {"return -a + b;"})

    def test_whatever_is_accepted_can_still_be_made(self):
        made = {(path, mistake.was, mistake.now) for path, mistake in mutate.all_mistakes(mutate.core_files(), seed=1)}
        self.assertEqual(mutate.read_accepted() - made, set())


if __name__ == "__main__":
    unittest.main()
