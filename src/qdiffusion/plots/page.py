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
  --input: #9a5b13;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --faint: #9aa6b5; --paper: #14181e; --card: #1b2129; --line: #313a46; --accent: #8db8f5;
    --input: #e0ab62; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
.lead { margin: .4rem 0 0; color: var(--faint); }
.note { color: var(--faint); font-size: .92rem; }
table { width: 100%; border-collapse: collapse; background: var(--card); }
th, td { padding: .45rem .7rem; border: 1px solid var(--line); text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.columns td { white-space: nowrap; overflow-wrap: normal; }
.sentences :is(th, td) { overflow-wrap: normal; }
.grouped { font-size: .8rem; }
.grouped table { width: auto; }
.grouped :is(th, td) { padding: .3rem .4rem; overflow-wrap: normal; }
.grouped thead th { text-align: center; vertical-align: bottom; }
.grouped td { text-align: right; white-space: nowrap; }
.grouped td span { display: block; color: var(--faint); }
.grouped :is(tbody th, thead [rowspan]) { width: auto; color: inherit; text-align: left; white-space: nowrap;
  position: sticky; left: 0; background: var(--card); }
main:has(.grouped) { max-width: 84rem; }
main:has(.grouped) :is(.note, ul, .lead) { max-width: 54rem; }
th { font-weight: 600; }
tbody th { width: 14rem; color: var(--faint); font-weight: 500; }
.scroll { overflow-x: auto; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border: 1px solid var(--line); }
.beside { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); }
.strip { margin-top: 1.25rem; }
.strip > div { display: flex; gap: 3px; overflow-x: auto; }
.strip > div > div { flex: 1 1 0; min-width: min-content; max-width: 6.5rem; }
.strip img { margin-bottom: .25rem; }
.strip span { display: block; color: var(--faint); font-size: .72rem; line-height: 1.35; text-align: center;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
.plot { padding: .5rem 1rem .4rem 3.6rem; background: var(--card); border: 1px solid var(--line); }
.plot p { margin: 0; color: var(--faint); font-size: .85rem; }
.plot p:first-child { margin-left: -2.8rem; }
.plot p:last-child { margin-top: 1.5rem; text-align: right; }
.plot > div { position: relative; height: 17rem; }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; border-bottom: 1px solid var(--faint); }
.plot path { fill: none; stroke: var(--accent); stroke-linecap: round; stroke-linejoin: round;
  vector-effect: non-scaling-stroke; }
.plot path.grid { stroke: var(--line); }
.plot path.logged { opacity: .45; }
.plot path.smoothed { stroke-width: 2.5px; }
.plot span { position: absolute; color: var(--faint); font-size: .8rem; line-height: 1; }
.plot .y { right: 100%; margin-right: .5rem; transform: translateY(50%); }
.plot .x { top: 100%; margin-top: .4rem; transform: translateX(-50%); }
.plot path.begins { stroke: var(--line); }
.plot path.points { stroke-width: 6px; }
.plot .part { bottom: 100%; padding: 0 .2rem .25rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.plots { display: grid; gap: 1.25rem; margin-top: 1.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.plot.small > div { height: 8rem; }
.plot.small p:first-child { margin-bottom: .4rem; }
.sphere, .scatter { display: block; width: 100%; background: var(--card); border: 1px solid var(--line); }
.sphere circle, .sphere path { fill: none; stroke: var(--faint); vector-effect: non-scaling-stroke; }
.sphere path.hidden { stroke-dasharray: 3 3; opacity: .6; }
.sphere text { fill: var(--faint); font: 11px/1 system-ui, sans-serif; text-anchor: middle;
  dominant-baseline: central; }
.sphere path.points, .scatter path { fill: none; stroke: var(--accent); stroke-width: 6px; stroke-linecap: round;
  vector-effect: non-scaling-stroke; }
.sphere.small path.points { vector-effect: none; stroke-width: 16; }
.scatter.small path.points { vector-effect: none; stroke-width: 6; }
.heat svg { display: block; width: 100%; background: var(--card); border: 1px solid var(--line); }
.heat svg + svg { height: 4rem; margin-top: 3px; }
.heat path { fill: var(--accent); }
.heat.small svg + svg { height: 2rem; }
.strip .small { margin-bottom: .25rem; }
.circuit { display: flex; background: var(--card); border: 1px solid var(--line); }
.circuit svg { flex: none; font: 12px/1 system-ui, sans-serif; }
.circuit .wires { position: sticky; left: 0; background: var(--card); }
.circuit text { fill: var(--ink); text-anchor: middle; dominant-baseline: central; }
.circuit text.angle { font-size: 11px; }
.circuit text.times { fill: var(--faint); text-anchor: start; }
.circuit .wires text { fill: var(--faint); }
.circuit path, .circuit rect, .circuit circle { fill: none; stroke: var(--ink); }
.circuit path.wire { stroke: var(--faint); opacity: .6; }
.circuit rect, .circuit circle.not { fill: var(--card); }
.circuit rect.frame { fill: none; stroke: var(--faint); stroke-dasharray: 4 4; }
.circuit circle.control { fill: var(--ink); }
.circuit .trained :is(path, rect, circle) { stroke: var(--accent); }
.circuit .trained circle.control { fill: var(--accent); }
.circuit .trained text { fill: var(--accent); }
.circuit .input :is(path, rect, circle) { stroke: var(--input); }
.circuit .input circle.control { fill: var(--input); }
.circuit .input text { fill: var(--input); }
figcaption { margin-top: .4rem; color: var(--faint); font-size: .92rem; }
pre { margin: 0; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--card); border: 1px solid var(--line); font: .88rem/1.5 ui-monospace, monospace; }
ul { margin: .3rem 0 0; padding-left: 1.2rem; color: var(--faint); font-size: .92rem; }
summary { cursor: pointer; color: var(--accent); margin-bottom: .6rem; }
@media (max-width: 34rem) { main { padding: 1.25rem .9rem 3rem; } tbody th { width: 8rem; } h1 { font-size: 1.5rem; }
  .columns { font-size: .92rem; } .columns :is(th, td) { padding: .4rem .5rem; } }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --card: #fff; } main { max-width: none;
  padding: 0; } figure, table { break-inside: avoid; } }
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
