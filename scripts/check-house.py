"""Checks what the compiler does not: floors, sizes of files, names and words that are not used here."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLOORS = {"Core": 0, "Ports": 1, "Services": 2, "Adapters": 2, "Server": 3}
faults = []
rooms = {}
for floor in FLOORS:
    for folder in sorted((ROOT / "Sources" / floor).glob("*")):
        if folder.is_dir():
            rooms[folder.name] = floor

for path in sorted((ROOT / "Sources").rglob("*.swift")) + sorted((ROOT / "Tests").rglob("*.swift")):
    text = path.read_text()
    name = path.relative_to(ROOT)
    lines = text.count("\n")
    if lines > 400:
        faults.append(f"{name}: {lines} lines; a file has at most 400")
    if re.search(r"\b(TODO|FIXME|XXX)\b", text):
        faults.append(f"{name}: holds a reminder instead of code")
    if re.search(r"@unchecked Sendable|\btry!|\bfatalError\(", text) and name.parts[0] == "Sources":
        faults.append(f"{name}: uses @unchecked Sendable, try! or fatalError")
    if re.search(r"\b(class|struct|enum|actor|protocol) \w*(Manager|Helper|Util|Utils|Common|Impl)\b", text):
        faults.append(f"{name}: has a type with a name that says nothing")
    if re.search(r"OwnedJSON\([^\n]*\)\)?\??\.value\b|\b(json|list|body)\([^\n]*\)\)?\.value\b", text):
        faults.append(f"{name}: takes a value out of JSON that nobody keeps; name it first, or use read")
    if name.parts[0] != "Sources":
        continue
    floor = name.parts[1]
    for imported in re.findall(r"^(?:package )?import (\w+)", text, re.M):
        if imported not in rooms:
            continue
        above = FLOORS[rooms[imported]] > FLOORS[floor]
        across = {floor, rooms[imported]} == {"Services", "Adapters"}
        if above or across:
            faults.append(f"{name}: {floor} may not import {imported} ({rooms[imported]})")

for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
