// An agency's program that was made with node-soap: one call, and what came of it on standard output.
const fs = require('fs');
const https = require('https');
const soap = require('soap');

const task = JSON.parse(fs.readFileSync(0));
const agent = new https.Agent({ key: task.key, cert: task.cert, ca: task.ca });

(async () => {
  const client = await soap.createClientAsync(task.wsdl, { forceSoap12Headers: task.soap12 });
  client.setEndpoint(task.url);
  if (task.signer) {
    client.setSecurity(new soap.WSSecurityCert(task.signer.key, task.signer.cert, '', {
      hasTimeStamp: true,
      signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
      digestAlgorithm: 'sha256',
    }));
  }
  try {
    const [answer] = await client[task.operation + 'Async'](task.message, { httpsAgent: agent });
    console.log(JSON.stringify({ answer, sent: client.lastRequest }));
  } catch (error) {
    console.log(JSON.stringify({ fault: error.root && error.root.Envelope.Body.Fault, said: String(error), sent: client.lastRequest }));
  }
})();
