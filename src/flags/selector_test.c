/*
 * selector_test.c - what querySelectorAll() takes and what it throws at
 */
#include "flags/selector.h"

#include <stdlib.h>

#include "check.h"

/* All of both lists were tried in Chromium. */
static const char *const right[] = {
	"a",
	"*",
	"#buy",
	".btn.primary",
	"button#buy.btn[type=submit]:not(:disabled)",
	"div > p + a ~ span em",
	"div>p",
	" a ",
	"a,b , c",
	"[data-test]",
	"[ data-test = 'x y' ]",
	"[href^=\"https://\" i]",
	"[a|=b]",
	"[a~=b]",
	"[a$=b]",
	"[a*='']",
	"li:nth-child(2n+1)",
	"li:nth-child( -n + 3 )",
	"li:nth-of-type(odd)",
	"li:nth-child(5)",
	":is(a, b):hover",
	":not(.a):not(#b)",
	"form:has(> input:checked, .x)",
	":lang(en)",
	":dir(rtl)",
	"#\\31 23",
	".sm\\:flex",
	".\\@container",
	"-webkit-x",
	"--custom",
	"my-element",
	"#caf\xc3\xa9",
	"A:FIRST-CHILD",
	"\\000041",
};

static const char *const wrong[] = {
	"",
	" ",
	"#",
	".",
	"#1",
	".2col",
	"-",
	"-1",
	"a,",
	",a",
	"a,,b",
	"> a",
	"a >",
	"a > > b",
	"a:unknown",
	"a:",
	"a::before:",
	":not()",
	":not(",
	"a)",
	"(a)",
	"[]",
	"[a=]",
	"[a=1]",
	"[a='x\n']",
	"[a^'x']",
	"li:nth-child()",
	"li:nth-child(x)",
	"li:nth-child(2n+)",
	"a{color:red}",
	"a;b",
	"$x",
	"a!b",
	"a b:hover(x)",
	":lang()",
	":lang('nl')",
};

/* A browser closes what was left open, and :is() forgives what it holds; whoever defines a tag meant something else. */
static const char *const careless[] = {
	":not(a", ":is(> a)", "[a", "[a='x]", "a\\",
};

static void
check_depth(void)
{
	char text[400] = "";
	size_t fault;

	for (int i = 0; i < 16; i++)
		strcat(text, ":not(");
	strcat(text, "a");
	for (int i = 0; i < 16; i++)
		strcat(text, ")");
	CHECK(is_css_selector(text, strlen(text), &fault));
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 60; i++)
		strcat(text, ":not(");
	CHECK(!is_css_selector(text, strlen(text), &fault));
}

int
main(void)
{
	size_t fault;

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		check_report(is_css_selector(right[i], strlen(right[i]), &fault), __FILE__, __LINE__, right[i], " is right");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		check_report(!is_css_selector(wrong[i], strlen(wrong[i]), &fault), __FILE__, __LINE__, wrong[i], " is wrong");
		CHECK(fault <= strlen(wrong[i]));
	}
	for (size_t i = 0; i < sizeof(careless) / sizeof(careless[0]); i++)
		check_report(!is_css_selector(careless[i], strlen(careless[i]), &fault), __FILE__, __LINE__, careless[i], "");
	is_css_selector("a:unknown", 9, &fault);
	CHECK_INT(fault, 2);
	is_css_selector("a b;c", 5, &fault);
	CHECK_INT(fault, 3);
	is_css_selector("a\0b", 3, &fault);
	CHECK_INT(fault, 1);
	CHECK(!is_css_selector("[a\0=b]", 6, &fault));
	check_depth();
	return check_summary("selectors");
}
