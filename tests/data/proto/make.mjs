// SPDX-License-Identifier: Apache-2.0
//
// Makes messages.json, the fixture of tests/unit/proto: one message or more of every type in
// client.proto and api.proto, in the official package's binary and JSON form. Run again when the
// .proto files change:
//
//   npm install --no-save @livekit/protocol@1.52.1 @bufbuild/protobuf@1.10.0
//   protoc -Iproto --include_imports --descriptor_set_out=all.desc proto/api.proto
//   node make.mjs all.desc > messages.json
//
// "json" is the usual form, "proto" the one with proto names and default values (of the first
// message of each type). Every field of ours is set in some message, each member of a oneof in one
// of its own. Messages inside hold scalars only, which keeps the file small; their other fields
// appear where they are outermost.
import fs from 'node:fs';
import * as official from '@livekit/protocol';
import { FileDescriptorSet, ScalarType } from '@bufbuild/protobuf';

const officialTypes = new Map();
function reach(type) {
  if (officialTypes.has(type.typeName)) return;
  officialTypes.set(type.typeName, type);
  for (const field of type.fields.list()) {
    const value = field.kind === 'map' ? field.V : field;
    if (value.kind === 'message') reach(value.T);
  }
}
for (const value of Object.values(official)) {
  if (value?.typeName && value.fields) reach(value);
}

// Our messages by full name: the field names we know.
const ours = new Map();
function note(prefix, message) {
  if (message.options?.mapEntry) return;
  const name = `${prefix}.${message.name}`;
  ours.set(name, new Set(message.field.map((field) => field.name)));
  message.nestedType.forEach((nested) => note(name, nested));
}
const set = FileDescriptorSet.fromBinary(fs.readFileSync(process.argv[2]));
set.file.forEach((file) => file.messageType.forEach((message) => note(file.package, message)));

let n = 0;
function scalar(type, name) {
  n += 1;
  switch (type) {
    case ScalarType.STRING: return n % 7 === 0 ? `${name} "é"\n\u{1f600}` : `${name}${n}`;
    case ScalarType.BYTES: return new Uint8Array([251, 255, 190, n & 255].slice(0, 1 + (n % 4)));
    case ScalarType.BOOL: return true;
    case ScalarType.FLOAT: return n % 5 === 0 ? Infinity : n / 8;
    case ScalarType.INT32: return n % 2 ? -n : 2147483647;
    case ScalarType.UINT32: return n % 2 ? n : 4294967295;
    case ScalarType.INT64: return n % 2 ? -9223372036854775808n : 9007199254740993n + BigInt(n);
    case ScalarType.UINT64: return n % 2 ? 18446744073709551615n : BigInt(n);
  }
  throw new Error(`no value for scalar type ${type} of ${name}`);
}

function value(field, name, depth) {
  if (field.kind === 'scalar') return scalar(field.T, name);
  if (field.kind === 'enum') return field.T.values[1 + (n++ % (field.T.values.length - 1))].no;
  return fill(field.T, 0, depth + 1);
}

function fill(type, variant, depth) {
  const message = new type();
  const known = ours.get(type.typeName);
  const members = {};
  for (const field of type.fields.list()) {
    const nested = field.kind === 'message' || (field.kind === 'map' && field.V.kind === 'message');
    if (!known.has(field.name) || (nested && depth > 0 && !field.oneof)) continue;
    if (field.oneof) {
      (members[field.oneof.localName] ??= []).push(field);
    } else if (field.kind === 'map') {
      message[field.localName] = { [scalar(field.K, 'key')]: value(field.V, 'value', depth) };
    } else if (field.repeated) {
      const values = nested ? [0] : [0, 1];
      message[field.localName] = values.map(() => value(field, field.name, depth));
    } else {
      message[field.localName] = value(field, field.name, depth);
    }
  }
  for (const [oneof, fields] of Object.entries(members)) {
    const field = fields[variant % fields.length];
    message[oneof] = { case: field.localName, value: value(field, field.name, depth) };
  }
  return message;
}

function variants(type) {
  const known = ours.get(type.typeName);
  const sizes = type.fields.byMember().map((member) =>
    member.kind === 'oneof' ? member.fields.filter((field) => known.has(field.name)).length : 1);
  return Math.max(1, ...sizes);
}

const lines = [];
for (const name of [...ours.keys()].sort()) {
  const type = officialTypes.get(name);
  for (let variant = 0; variant < variants(type); variant++) {
    const message = fill(type, variant, 0);
    const row = {
      type: name,
      binary: Buffer.from(message.toBinary()).toString('base64'),
      json: message.toJson(),
    };
    if (variant === 0) {
      row.proto = message.toJson({ emitDefaultValues: true, useProtoFieldName: true });
    }
    lines.push(JSON.stringify(row));
  }
}
console.log(`[\n${lines.join(',\n')}\n]`);
