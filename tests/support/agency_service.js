// An agency's own service, made with node-soap from the WSDL that it was given. What it is asked and what it takes it
// says on standard output, one JSON object a line; what it is to do comes on standard input, as one JSON object a line.
const fs = require('fs');
const https = require('https');
const readline = require('readline');
const soap = require('soap');

const lines = readline.createInterface({ input: process.stdin });
const say = (told) => console.log(JSON.stringify(told));
let state = { documents: {}, answers: {}, fault: '' };

const refuse = () => {
  if (state.fault) {
    throw { Fault: { faultcode: 'soap:' + state.fault, faultstring: 'refused 28811034204512', statusCode: 500 } };
  }
};

const operations = {
  fetch(asked, callback) {
    say({ event: 'fetch', asked });
    refuse();
    const documents = state.documents[asked.contract] || [];
    const next = documents[Number(asked.cursor || 0)];
    const at = Number(asked.cursor || 0) + (next ? 1 : 0);
    const answer = { cursor: String(at), more: at < documents.length };
    if (next) return { document: Buffer.from(next).toString('base64'), ...answer };
    return answer;
  },
  deliver(asked) {
    say({ event: 'attempt' });
    refuse();
    say({ event: 'deliver', asked });
    const answer = state.answers[asked.contract];
    return answer ? { reference: 'box-7', answer: Buffer.from(answer).toString('base64') } : { reference: 'box-7' };
  },
  ping() {
    say({ event: 'attempt' });
    refuse();
    return { agency: 'ppo', time: new Date().toISOString() };
  },
};

lines.once('line', (first) => {
  const task = JSON.parse(first);
  const server = https.createServer(
    { key: task.key, cert: task.cert, ca: task.ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => { response.statusCode = 404; response.end(); },
  );
  server.listen(task.port, '127.0.0.1', () => {
    const wsdl = fs.readFileSync(task.wsdl, 'utf8');
    const service = soap.listen(server, {
      path: '/isnad',
      services: { IsnadAgencyService: { IsnadAgencySoap11: operations } },
      xml: wsdl,
      callback: () => say({ event: 'listening' }),
    });
    service.log = (type, data) => { if (type === 'received') say({ event: 'received', xml: data }); };
  });
  lines.on('line', (line) => { state = { ...state, ...JSON.parse(line) }; say({ event: 'set' }); });
});
