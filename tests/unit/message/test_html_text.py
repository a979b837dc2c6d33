"""HTML as text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message import html_text
from mailapp.message.html_text import html_to_text
from tests.rows import rows, tabled
from tests.threats import threat

_PIECES = st.sampled_from(
    ["<", ">", "</", "<p", "<a href=", '"', "'", "x", " ", "<li>", "<ul>", "</ul>",
     "<!--", "-->", "<script>", "</script>", "&amp", "&#x41;", "<br/>", "<pre>", "\n",
     "<blockquote>", "http://a", "</a>", "<td>", "<img alt=", "=", "é", "<body>"]
)  # fmt: skip
SOUP = st.lists(_PIECES, max_size=60).map("".join)


@tabled
class TextTests(SynchronousTestCase):
    """What a person reads."""

    @rows(
        empty=("", ""),
        plain=("a  b\n c", "a b c\n"),
        entities=("&lt;caf&eacute;&gt; &amp; &#8364;&nbsp;x", "<café> & €\xa0x\n"),
        paragraphs=("<p>a</p><p>b</p>\n\n<p> c", "a\n\nb\n\nc\n"),
        divs=("<div>a</div><div><div>b</div></div>", "a\nb\n"),
        breaks=("a<br>b<BR/>c<br><br><br><br>d", "a\nb\nc\n\nd\n"),
        heading=("<h1>T</h1>x", "T\n\nx\n"),
        bold=("a<b>b</b> <i>c</i>", "ab c\n"),
        lists=(
            "<ul><li>a<li>b<ol><li>c</li><li>d</ol></ul>e",
            "* a\n* b\n  1. c\n  2. d\n\ne\n",
        ),
        item_alone=("<li>a", "* a\n"),
        link=('<a href="http://x/?a&amp;b">y</a>.', "y <http://x/?a&b>.\n"),
        link_same=("<a href=http://x/>http://x</a>", "http://x\n"),
        link_mail=("<a href='mailto:a@b'>me</a>", "me <a@b>\n"),
        link_open=("<a href=http://x>a<a href=http://y>b", "a <http://x>b <http://y>\n"),
        link_script=('<a href="javascript:x()">y</a>', "y\n"),
        link_anchor=('<a href="#top">y</a><a name=z>', "y\n"),
        image=('<img alt="a &quot;b&quot;" src=x>', '[a "b"]\n'),
        beacon=('<img src="http://spy/1.gif">', ""),
        rule=("a<hr>b", "a\n" + "-" * 72 + "\nb\n"),
        table=("<table><tr><td>a<td>b<tr><th>c</table>", "a b\nc\n"),
        quote=("a<blockquote>b<br>c</blockquote>d", "a\n\n> b\n> c\n\nd\n"),
        pre=("<pre>a\n  b  </pre> c", "a\n  b\n\nc\n"),
        script=("a<script>if (a<b) '</p>'</script>b<STYLE>x</STYLE>c", "abc\n"),
        head=("<head><title>t</title><style>p{}</style></head><body>a", "a\n"),
        head_open=("<head><meta><body>a", "a\n"),
        comment=("a<!-- <p> -->b<!doctype x>c<?x?>d</>e", "abcde\n"),
        comment_open=("a<!-- b", "a\n"),
        not_a_tag=("1 < 2 <3", "1 < 2 <3\n"),
        bracket_in_value=('<p title="a>b">c', "c\n"),
        apostrophe=("<p don't>it's", "it's\n"),
        quote_open=('<a href="x>y', "y\n"),
        tag_open=("a<p", "a\n"),
    )  # fmt: skip
    def test_text(self, html: str, text: str) -> None:
        """Each row."""
        self.assertEqual(html_to_text(html), text)

    @given(SOUP)
    @settings(deadline=None)
    def test_any(self, html: str) -> None:
        """Any text gives text: no trailing blanks, no more than one empty line."""
        text = html_to_text(html)
        self.assertNotIn("\n\n\n", text)
        self.assertTrue(all(line == line.rstrip() for line in text.split("\n")))
        self.assertTrue(text == "" or text.endswith("\n"))

    @rows(
        brackets="<", tags="<a ", comments="<!--", scripts="<script>", quotes="<a b='",
        lists="<ul><li>", quoted="<blockquote>x", links="<a href=http://x>", ends="</",
        entities="&amp", values="<a " + "x=",
    )  # fmt: skip
    @threat(83)
    def test_growth(self, piece: str) -> None:
        """Twice the page is at most twice the searches, whatever it repeats."""

        def searches(count: int) -> int:
            made = 0
            find = html_text._find

            def counted(html: str, what: str, start: int, ends: dict[str, int]) -> int:
                nonlocal made
                found = find(html, what, start, ends)
                looked = ends.get(what, len(html)) >= start
                made += 1 + (found - start if looked else 0)
                return found

            self.patch(html_text, "_find", counted)
            length = len(html_to_text(piece * count))
            self.patch(html_text, "_find", find)
            return made + length

        # lists indent, up to a depth
        self.assertLess(searches(4000), 2.2 * searches(2000) + 5000)
