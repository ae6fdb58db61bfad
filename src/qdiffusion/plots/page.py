"""The report's page: hand-written HTML and CSS, filled in by `string.Template`."""

from string import Template

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · qdiffusion</title>
<style>
:root {
  color-scheme: light dark;
  --ink: #1c2430; --faint: #5b6675; --paper: #fbfbf9; --card: #ffffff; --line: #dfe2e6; --accent: #2458a6;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --faint: #9aa6b5; --paper: #14181e; --card: #1b2129; --line: #313a46; --accent: #8db8f5; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
.lead { margin: .4rem 0 0; color: var(--faint); }
.note { color: var(--faint); font-size: .92rem; }
table { width: 100%; border-collapse: collapse; background: var(--card); }
th, td { padding: .45rem .7rem; border: 1px solid var(--line); text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
th { font-weight: 600; }
tbody th { width: 14rem; color: var(--faint); font-weight: 500; }
.scroll { overflow-x: auto; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border: 1px solid var(--line); }
figure.samples img { max-width: 40rem; image-rendering: pixelated; }
figure.curve img { background: #fff; }
figcaption { margin-top: .4rem; color: var(--faint); font-size: .92rem; }
pre { margin: 0; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--card); border: 1px solid var(--line); font: .88rem/1.5 ui-monospace, monospace; }
summary { cursor: pointer; color: var(--accent); margin-bottom: .6rem; }
@media (max-width: 34rem) { main { padding: 1.25rem .9rem 3rem; } tbody th { width: 8rem; } h1 { font-size: 1.5rem; } }
@media print { body { background: #fff; color: #000; } main { max-width: none; padding: 0; }
  figure, table { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="lead">$lead</p>
$sections
</main>
</body>
</html>
""")
