/** The page's only style. Its hash stands beside it, so that a strict policy can admit this text and no other. */
export const docsPageStyle = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #e0e1e6; --ground: #fcfcfd; --tint: #f3f4f6; --link: #0b68cb; --good: #18794e; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #b0b4ba; --line: #363a3f; --ground: #111113; --tint: #1c1e21; --link: #70b8ff; --good: #3dd68c; --bad: #ff9592; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.6 system-ui, sans-serif; }
main, header, nav { max-width: 62rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 3.5rem; }
h1 { font-size: 2rem; letter-spacing: -0.02em; margin: 0; }
h1 small { font-size: 1rem; font-weight: 400; color: var(--soft); letter-spacing: 0; margin-left: 0.5rem; }
h2 { font-size: 1.35rem; letter-spacing: -0.01em; margin: 3.5rem 0 0.75rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 2rem 0 0.25rem; text-transform: capitalize; }
h4 { font-size: 0.8rem; font-weight: 600; color: var(--soft); text-transform: uppercase; letter-spacing: 0.05em; margin: 1.25rem 0 0.25rem; }
p { margin: 0.5rem 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; padding-top: 1rem; }
code { font: 0.87em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
td code, p code, li code { background: var(--tint); border-radius: 4px; padding: 0.1em 0.3em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.25rem 0 0.75rem; font-size: 0.93em; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 1rem 0.4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
details { border: 1px solid var(--line); border-radius: 8px; margin: 0.5rem 0; background: var(--ground); }
details:target { border-color: var(--link); }
summary { cursor: pointer; padding: 0.55rem 0.9rem; display: flex; flex-wrap: wrap; gap: 0 0.75rem; align-items: baseline; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover, summary:focus-visible { background: var(--tint); border-radius: 8px; }
summary b { font: 600 0.8em ui-monospace, Menlo, Consolas, monospace; width: 4rem; color: var(--good); }
summary b.delete { color: var(--bad); }
summary span { color: var(--soft); }
details > div { padding: 0 1rem 0.75rem; border-top: 1px solid var(--line); }
.open { color: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: 0 0.35em; font-size: 0.8em; }
footer { color: var(--soft); padding: 3rem 1.5rem; text-align: center; }
`

/** SHA-256 of the style, as Content-Security-Policy wants it. A test compares it with the text. */
export const docsPageStyleHash = 'sha256-c+3Hn4i9FOz6CRd9oqm0WStB/NQkb/9L6fBJORxmoPI='
