import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeWsdRequest,
  isAskedFor,
  type WsdDevice,
  type WsdRequest,
  WsdWriter,
} from './wsd-messages.ts';
import { parseXml, type XmlElement } from './xml.ts';

const SPACES =
  'xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" ' +
  'xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof"';
const DISCOVERY = 'http://schemas.xmlsoap.org/ws/2005/04/discovery';
const GET = 'http://schemas.xmlsoap.org/ws/2004/09/transfer/Get';
const ID = 'urn:uuid:2653e306-4d7e-4526-b75e-0d20edf83989';

const device: WsdDevice = {
  uuid: '0a3bf2a1-d3ee-4a8e-9d2c-8c6b5a1f0e77',
  name: 'OFFICE & CO',
  workgroup: 'ATELIER',
  version: '1.2.3',
  instance: 1_700_000_000,
};

/** As Windows writes it. */
const question = (
  action: string,
  body: string,
  to = 'urn:schemas-xmlsoap-org:ws:2005:04:discovery',
) =>
  Buffer.from(
    `<?xml version="1.0" encoding="utf-8"?><soap:Envelope ${SPACES}><soap:Header><wsa:To>${to}</wsa:To>` +
      `<wsa:Action>${action}</wsa:Action><wsa:MessageID>${ID}</wsa:MessageID></soap:Header>` +
      `<soap:Body>${body}</soap:Body></soap:Envelope>`,
  );

const probe = (inside: string): WsdRequest =>
  decodeWsdRequest(question(`${DISCOVERY}/Probe`, `<wsd:Probe>${inside}</wsd:Probe>`))!;
const resolve = (uuid: string): WsdRequest =>
  decodeWsdRequest(
    question(
      `${DISCOVERY}/Resolve`,
      `<wsd:Resolve><wsa:EndpointReference><wsa:Address>urn:uuid:${uuid}</wsa:Address></wsa:EndpointReference></wsd:Resolve>`,
    ),
  )!;

/** All text below, by the path of names that leads there. */
function texts(element: XmlElement, path = ''): Record<string, string> {
  const here = `${path}/${element.name}`;
  const below = element.children.map((child) => texts(child, here));
  return Object.assign({}, element.text === '' ? {} : { [here]: element.text }, ...below);
}

test('a Probe for devices or computers is answered, one for something else or for a scope is not', () => {
  const isAsked = (inside: string): boolean => isAskedFor(probe(inside), device);
  assert.ok(isAsked('<wsd:Types>wsdp:Device</wsd:Types>'));
  assert.ok(isAsked(''));
  assert.ok(isAsked('<wsd:Types/>'));
  const pub = 'xmlns:q="http://schemas.microsoft.com/windows/pub/2005/07"';
  assert.ok(isAsked(`<wsd:Types ${pub}>q:Computer wsdp:Device</wsd:Types>`));
  assert.ok(!isAsked('<wsd:Types xmlns:p="urn:printers">p:Printer</wsd:Types>'));
  assert.ok(!isAsked('<wsd:Types xmlns:p="urn:printers">wsdp:Device p:Printer</wsd:Types>'));
  assert.ok(!isAsked('<wsd:Types>unknown:Device</wsd:Types>'));
  assert.ok(!isAsked('<wsd:Scopes>urn:somewhere</wsd:Scopes>'));
});

test('Resolve and Get are for one endpoint', () => {
  assert.ok(isAskedFor(resolve(device.uuid), device));
  assert.ok(!isAskedFor(resolve('11111111-2222-3333-4444-555555555555'), device));
  const get = decodeWsdRequest(question(GET, '', `urn:uuid:${device.uuid}`))!;
  assert.deepEqual(get, { kind: 'get', messageId: ID, to: `urn:uuid:${device.uuid}` });
  assert.ok(isAskedFor(get, device));
});

test('what is answered names the device, its address and the question', () => {
  const writer = new WsdWriter(device);
  const url = `http://10.0.0.1:5357/${device.uuid}`;
  const answers: Record<string, string>[] = [probe(''), resolve(device.uuid)].map((request) =>
    texts(parseXml(writer.match(request, url)!.toString())),
  );
  for (const [i, name] of ['Probe', 'Resolve'].entries()) {
    const match = `/Envelope/Body/${name}Matches/${name}Match`;
    const said = answers[i]!;
    assert.equal(said['/Envelope/Header/Action'], `${DISCOVERY}/${name}Matches`);
    assert.equal(said['/Envelope/Header/RelatesTo'], ID);
    assert.equal(said[`${match}/EndpointReference/Address`], `urn:uuid:${device.uuid}`);
    assert.equal(said[`${match}/Types`], 'wsdp:Device pub:Computer');
    assert.equal(said[`${match}/XAddrs`], url);
    assert.equal(said[`${match}/MetadataVersion`], '1');
  }
  assert.equal(writer.match({ kind: 'get', messageId: ID, to: '' }, url), undefined);
});

test('messages are counted within one instance', () => {
  const writer = new WsdWriter(device);
  const counted = [writer.hello('http://10.0.0.1/'), writer.bye()].map(
    (bytes) => /<wsd:AppSequence ([^>]*)\/>/.exec(bytes.toString())?.[1],
  );
  assert.deepEqual(counted, [
    'InstanceId="1700000000" MessageNumber="1"',
    'InstanceId="1700000000" MessageNumber="2"',
  ]);
});

test('the metadata have what Windows shows', () => {
  const said = texts(parseXml(new WsdWriter(device).metadata(ID).toString()));
  const section = '/Envelope/Body/Metadata/MetadataSection';
  assert.equal(said['/Envelope/Header/RelatesTo'], ID);
  assert.equal(said[`${section}/ThisDevice/FriendlyName`], 'OFFICE & CO');
  assert.equal(said[`${section}/ThisModel/DeviceCategory`], 'Computers');
  assert.equal(said[`${section}/Relationship/Host/Computer`], 'OFFICE & CO/Workgroup:ATELIER');
});

test('what is no question of this kind is passed over, or malformed', () => {
  assert.equal(decodeWsdRequest(question(`${DISCOVERY}/Hello`, '')), undefined);
  for (const bytes of [
    question(`${DISCOVERY}/Probe`, ''),
    question(`${DISCOVERY}/Resolve`, '<wsd:Resolve/>'),
    Buffer.from(question(GET, '').toString().replace(ID, '')),
    Buffer.from(question(GET, '').toString().replace(ID, 'x'.repeat(257))),
    Buffer.from('<Envelope/>'),
    Buffer.alloc(0),
    Buffer.alloc(100, 0xff),
  ]) {
    assert.throws(() => decodeWsdRequest(bytes), WireError);
  }
});

test('every truncation of a question is malformed', () => {
  const whole = question(
    `${DISCOVERY}/Probe`,
    '<wsd:Probe><wsd:Types>wsdp:Device</wsd:Types></wsd:Probe>',
  );
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeWsdRequest(whole.subarray(0, length)), WireError, String(length));
  }
});
