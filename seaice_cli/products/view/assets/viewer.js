"use strict";
// What the page shows is in the element #data: see seaice_cli/products/view/page.py.
const data = JSON.parse(document.getElementById("data").textContent);
const [left, bottom, right, top_] = data.bounds;
const by = (id) => document.getElementById(id);

function makeProjection() {
  if (!data.proj4) return new ol.proj.Projection({ code: "pixels", units: "pixels", extent: data.bounds });
  proj4.defs("page", data.proj4);
  ol.proj.proj4.register(proj4);
  const projection = ol.proj.get("page");
  projection.setExtent(data.bounds);
  return projection;
}
const projection = makeProjection();
const grid = new ol.tilegrid.TileGrid({
  extent: data.bounds, origin: [left, top_], tileSize: data.tile,
  resolutions: Array.from({ length: data.levels }, (_, z) => data.resolution * 2 ** (data.levels - 1 - z)),
});

function rasterLayer(described) {
  const tiles = described.tiles && new Set(described.tiles);
  const source = new ol.source.TileImage({
    projection, tileGrid: grid, interpolate: described.smooth, transition: 0,
    tileUrlFunction: ([z, x, y]) => {
      const name = `${z}_${y}_${x}`;
      if (described.embedded) return described.embedded[name] && `data:${described.type};base64,${described.embedded[name]}`;
      return tiles.has(name) ? `${data.folder}/${described.id}/${name}.${described.suffix}` : undefined;
    },
  });
  return new ol.layer.Tile({ source, opacity: described.opacity, visible: described.visible });
}

function polygonLayer(described) {
  const unit = described.unit;
  const features = described.shapes.map((parts, index) => {
    const polygons = parts.map((rings) => rings.map((flat) => {
      const ring = [];
      let x = 0, y = 0;
      for (let k = 0; k < flat.length; k += 2) {
        x += flat[k]; y += flat[k + 1];
        ring.push([left + x * unit, top_ - y * unit]);
      }
      return ring;
    }));
    const feature = new ol.Feature(new ol.geom.MultiPolygon(polygons));
    feature.setId(index);
    feature.set("row", described.rows[index]);
    return feature;
  });
  const source = new ol.source.Vector({ features });
  const layer = new ol.layer.Vector({ source, opacity: described.opacity, visible: described.visible, style: styleOf, updateWhileInteracting: false });
  layer.set("fields", described.fields);
  return layer;
}

const verdicts = new Map();
const marks = { right: "#009e73", wrong: "#d55e00", class: "#cc79a7" };
let chosen = null;
function styleOf(feature) {
  const verdict = verdicts.get(feature.getId());
  const color = verdict ? marks[verdict.kind] : "#e67814";
  return new ol.style.Style({
    stroke: new ol.style.Stroke({ color, width: feature === chosen ? 3.5 : 1.2 }),
    fill: new ol.style.Fill({ color: feature === chosen ? "rgba(230,120,20,.25)" : "rgba(0,0,0,0.001)" }),
  });
}

function graticuleLayer() {
  const features = data.graticule.map((line) => {
    const feature = new ol.Feature(new ol.geom.MultiLineString(line.parts));
    feature.set("text", line.text);
    return feature;
  });
  const layer = new ol.layer.Vector({
    source: new ol.source.Vector({ features }), visible: false,
    style: (feature) => new ol.style.Style({
      stroke: new ol.style.Stroke({ color: "rgba(40,40,40,.7)", width: 1 }),
      text: new ol.style.Text({ text: feature.get("text"), placement: "line", repeat: 300, stroke: new ol.style.Stroke({ color: "#fff", width: 3 }) }),
    }),
  });
  return layer;
}

const layers = data.layers.map((d) => (d.shapes ? polygonLayer(d) : rasterLayer(d)));
const measured = new ol.layer.Vector({ source: new ol.source.Vector(), style: new ol.style.Style({ stroke: new ol.style.Stroke({ color: "#d00", width: 2 }) }) });
const drawn = new ol.layer.Vector({ source: new ol.source.Vector(), style: new ol.style.Style({ stroke: new ol.style.Stroke({ color: "#0072b2", width: 2 }), fill: new ol.style.Fill({ color: "rgba(0,114,178,.2)" }) }) });
const view = new ol.View({ projection, constrainResolution: false, maxZoom: 28, minResolution: data.resolution / 16, maxResolution: data.resolution * 2 ** data.levels, showFullExtent: true, center: [(left + right) / 2, (bottom + top_) / 2] });
const map = new ol.Map({ target: "map", layers: [...layers, measured, drawn], view, controls: ol.control.defaults.defaults({ attribution: false }) });
view.fit(data.bounds, { padding: [20, 20, 20, 20] });
if (data.proj4) map.addControl(new ol.control.ScaleLine({ bar: false }));

// Swipe: what lies above the scene is cut at the handle.
let share = 1;
function setSwipe(value) {
  share = Math.min(1, Math.max(0, value));
  by("swipe").style.left = `${100 * share}%`;
  map.render();
}
layers.forEach((layer, index) => {
  if (data.layers[index].id === "scene") return;
  layer.on("prerender", (event) => {
    const context = event.context;
    const wide = context.canvas.width * share;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(0, 0, wide, context.canvas.height);
    context.clip();
  });
  layer.on("postrender", (event) => event.context.restore());
});
by("swipe").addEventListener("pointerdown", (event) => {
  by("swipe").setPointerCapture(event.pointerId);
  by("swipe").onpointermove = (move) => setSwipe(move.clientX / window.innerWidth);
});
by("swipe").addEventListener("pointerup", () => { by("swipe").onpointermove = null; });

function addControl(layer, name, legend, opacity) {
  const box = document.createElement("div");
  const label = document.createElement("label");
  const check = Object.assign(document.createElement("input"), { type: "checkbox", checked: layer.getVisible() });
  check.onchange = () => layer.setVisible(check.checked);
  label.append(check, ` ${name}`);
  box.append(label);
  if (opacity) {
    const range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.05, value: layer.getOpacity(), title: "opacity" });
    range.oninput = () => layer.setOpacity(Number(range.value));
    box.append(range);
  }
  const keys = Object.assign(document.createElement("div"), { className: "legend" });
  for (const [text, color] of legend || []) {
    const entry = document.createElement("span");
    const patch = document.createElement("i");
    patch.style.background = color;
    entry.append(patch, text);
    keys.append(entry);
  }
  box.append(keys);
  by("layers").append(box);
}
[...layers].reverse().forEach((layer, k) => {
  const described = data.layers[data.layers.length - 1 - k];
  addControl(layer, described.name, described.legend, true);
});
if (data.graticule.length) {
  const layer = graticuleLayer();
  map.addLayer(layer);
  addControl(layer, "graticule");
}

function show(feature) {
  chosen = feature;
  layers.forEach((layer) => layer instanceof ol.layer.Vector && layer.changed());
  const info = by("info");
  info.style.display = feature ? "block" : "none";
  if (!feature) return;
  const table = document.createElement("table");
  polygons.get("fields").forEach((name, k) => {
    const value = feature.get("row")[k];
    const line = table.insertRow();
    line.insertCell().textContent = name;
    line.insertCell().textContent = typeof value === "number" ? +value.toPrecision(7) : value;
  });
  const verdict = verdicts.get(feature.getId());
  if (verdict) table.insertRow().insertCell().textContent = `${verdict.kind} ${verdict.class || ""}`;
  info.replaceChildren(table);
}
const polygons = layers.find((layer) => layer instanceof ol.layer.Vector);
let tool = null;
map.on("singleclick", (event) => {
  if (!tool && polygons) show(smallest(polygons.getSource().getFeaturesAtCoordinate(event.coordinate)));
});
function smallest(features) {
  return features.sort((a, b) => a.getGeometry().getArea() - b.getGeometry().getArea())[0] || null;
}

const side = (value, names) => `${Math.abs(value).toFixed(4)}° ${value < 0 ? names[1] : names[0]}`;
function place(coordinate) {
  if (!data.proj4) return `column ${Math.floor(coordinate[0])}, row ${Math.floor(-coordinate[1])}`;
  const [longitude, latitude] = ol.proj.toLonLat(coordinate, projection);
  return `${side(latitude, "NS")}, ${side(longitude, "EW")}`;
}
map.on("pointermove", (event) => { by("status").textContent = place(event.coordinate); });

function addButton(text, title, press) {
  const button = Object.assign(document.createElement("button"), { textContent: text, title });
  button.onclick = () => press(button);
  by("tools").append(button, " ");
  return button;
}
function lengthOf(line) {
  if (!data.proj4) return `${line.getLength().toFixed(1)} px`;
  const metres = ol.sphere.getLength(line, { projection });
  return metres < 5000 ? `${metres.toFixed(0)} m` : `${(metres / 1000).toFixed(2)} km`;
}
function toggle(button, type, source, done) {
  if (tool) { map.removeInteraction(tool); tool = null; button.setAttribute("aria-pressed", "false"); return; }
  tool = new ol.interaction.Draw({ source, type });
  tool.on("drawstart", (start) => start.feature.getGeometry().on("change", (event) => type === "LineString" && (by("status").textContent = lengthOf(event.target))));
  tool.on("drawend", (end) => done(end.feature));
  button.setAttribute("aria-pressed", "true");
  map.addInteraction(tool);
}
addButton("measure", "click along a line, twice at its end", (button) => toggle(button, "LineString", measured.getSource(), (feature) => {
  by("status").textContent = lengthOf(feature.getGeometry());
}));

// Review: the most doubtful polygons first; r right, w wrong, 1 to 9 another class, n next, s save.
let position = -1;
const current = () => polygons && polygons.getSource().getFeatureById(data.review[position]);
function next() {
  if (!data.review.length) return;
  position = (position + 1) % data.review.length;
  const feature = current();
  view.fit(feature.getGeometry(), { minResolution: data.resolution / 8, padding: [150, 150, 150, 150] });
  show(feature);
  by("status").textContent = `${position + 1} of ${data.review.length}: r right, w wrong, ${data.classes.map((name, k) => `${k + 1} ${name}`).join(", ")}, n next, s save`;
}
function judge(kind, name) {
  if (!chosen) return;
  verdicts.set(chosen.getId(), { kind, class: name });
  next();
}
const classField = () => polygons.get("fields").indexOf("class_name");
function corrections() {
  const format = new ol.format.GeoJSON();
  const features = [];
  for (const [id, verdict] of verdicts) {
    const feature = polygons.getSource().getFeatureById(id);
    const name = verdict.kind === "right" ? feature.get("row")[classField()] : verdict.class;
    if (name) features.push([feature.getGeometry(), name, verdict.kind]);
  }
  drawn.getSource().getFeatures().forEach((feature) => features.push([feature.getGeometry(), feature.get("class"), "drawn"]));
  const collection = {
    type: "FeatureCollection",
    features: features.map(([geometry, name, note]) => ({ type: "Feature", properties: { class: name, note }, geometry: JSON.parse(format.writeGeometry(geometry)) })),
  };
  if (data.epsg) collection.crs = { type: "name", properties: { name: `urn:ogc:def:crs:EPSG::${data.epsg}` } };
  return JSON.stringify(collection);
}
function save() {
  const link = document.createElement("a");
  link.href = `data:application/geo+json;charset=utf-8,${encodeURIComponent(corrections())}`;
  link.download = link.textContent = data.corrections;
  by("status").replaceChildren(link); // to be clicked where the browser asks before it saves
  link.click();
}
let drawnClass = data.classes[0];
if (polygons && data.review.length && data.epsg) {
  addButton("review", "most doubtful polygons first (n)", next);
  const choice = document.createElement("select");
  choice.append(...data.classes.map((name) => new Option(name)));
  choice.onchange = () => { drawnClass = choice.value; };
  addButton("draw", "draw a polygon of this class", (button) => toggle(button, "Polygon", drawn.getSource(), (feature) => feature.set("class", drawnClass)));
  by("tools").append(choice, " ");
  addButton("save", "corrections as GeoJSON (s)", save);
}
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey) return;
  const name = data.classes[Number(event.key) - 1];
  if (event.key === "n") next();
  else if (event.key === "r") judge("right");
  else if (event.key === "w") judge("wrong");
  else if (event.key === "s") save();
  else if (name) judge("class", name);
});

// The address says what to show: page.html#swipe=0.4&at=x,y&keys=nr
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  setSwipe(wanted.has("swipe") ? Number(wanted.get("swipe")) : share);
  if (wanted.has("at") && polygons) {
    const at = wanted.get("at").split(",").map(Number);
    by("status").textContent = place(at);
    show(smallest(polygons.getSource().getFeaturesAtCoordinate(at)));
  }
  for (const key of wanted.get("keys") || "") document.dispatchEvent(new KeyboardEvent("keydown", { key }));
}
window.addEventListener("hashchange", follow);
follow();
map.once("postrender", () => { document.body.dataset.ready = "yes"; });
